// What a rule's target receives: the event, a part of it, a constant, or a text made of parts.

export interface InputTransformer {
  readonly InputPathsMap?: Readonly<Record<string, string>>
  readonly InputTemplate: string
}

export interface TargetInput {
  readonly Input?: string
  readonly InputPath?: string
  readonly InputTransformer?: InputTransformer
}

/** JSONPath as EventBridge takes it: $.a.b[0]['c d']. Undefined when nothing is there. */
export function select(event: unknown, path: string): unknown {
  let value: unknown = event
  for (const [, name, quoted, index] of path.matchAll(/\.([A-Za-z0-9_-]+)|\[['"]([^'"]+)['"]\]|\[(\d+)\]/g)) {
    if (typeof value !== 'object' || value === null) return undefined
    const key = name ?? quoted ?? index!
    value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
  }
  return value
}

/** Text to hand to the target; JSON unless the transformer's template makes something else of it. */
export function transform(target: TargetInput, event: unknown): string {
  if (target.Input !== undefined) return target.Input
  if (target.InputPath !== undefined) return JSON.stringify(select(event, target.InputPath) ?? null)
  if (!target.InputTransformer) return JSON.stringify(event)
  const { InputPathsMap = {}, InputTemplate } = target.InputTransformer
  const values = new Map(Object.entries(InputPathsMap).map(([name, path]) => [name, select(event, path)]))
  values.set('aws.events.event.json', event)
  return InputTemplate.replace(/("?)<([A-Za-z0-9_.-]+)>("?)/g, (_whole, before: string, name: string, after: string) => {
    const value = values.get(name)
    if (before && after && typeof value === 'string') return JSON.stringify(value)
    const text =
      typeof value === 'string'
        ? before || after
          ? JSON.stringify(value).slice(1, -1)
          : JSON.stringify(value)
        : JSON.stringify(value ?? '')
    return before + text + after
  })
}
