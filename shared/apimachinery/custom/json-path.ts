// JSONPath as definitions use it in columns (k8s.io/client-go/util/jsonpath): names, indexes, [*] and filters on one comparison.
type Step =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'all' }
  | { readonly kind: 'descend' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown }

export type JsonPath = readonly Step[]

/** The text is no path. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError'
}

export function parseJsonPath(text: string): JsonPath {
  const steps: Step[] = []
  let rest = text.replace(/^\$/, '')
  while (rest !== '') {
    const name = /^\.?((?:\\.|[^.[\\])+)/.exec(rest)
    if (rest.startsWith('..')) {
      steps.push({ kind: 'descend' })
      rest = rest.slice(1)
    } else if (rest.startsWith('[')) {
      const end = closing(rest)
      steps.push(bracket(rest.slice(1, end)))
      rest = rest.slice(end + 1)
    } else if (name !== null) {
      const plain = (name[1] as string).replace(/\\(.)/g, '$1')
      steps.push(plain === '*' ? { kind: 'all' } : { kind: 'name', name: plain })
      rest = rest.slice(name[0].length)
    } else throw new JsonPathError(`unrecognized character in path: ${rest}`)
  }
  return steps
}

function closing(text: string): number {
  let depth = 0
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if (char === "'" || char === '"') quote = char
    else if (char === '[' || char === '(') depth++
    else if (char === ')') depth--
    else if (char === ']' && --depth === 0) return at
  }
  throw new JsonPathError('unterminated array')
}

function bracket(text: string): Step {
  if (text === '*') return { kind: 'all' }
  const quoted = /^(['"])(.*)\1$/s.exec(text)
  if (quoted !== null) return { kind: 'name', name: quoted[2] as string }
  if (/^-?\d+$/.test(text)) return { kind: 'index', index: Number(text) }
  const slice = /^(-?\d*):(-?\d*)$/.exec(text)
  if (slice !== null) return { kind: 'slice', from: numberOf(slice[1]), to: numberOf(slice[2]) }
  const filter = /^\?\(\s*@(\S*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)$/s.exec(text)
  if (filter !== null) {
    return { kind: 'filter', path: parseJsonPath(filter[1] as string), operator: filter[2] ?? '', value: literal(filter[3] ?? '') }
  }
  throw new JsonPathError(`invalid array index ${text}`)
}

const numberOf = (text: string | undefined) => (text ? Number(text) : undefined)

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text)
  if (quoted !== null) return quoted[2]
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && !Number.isNaN(Number(text)) ? Number(text) : text
}

/** Everything that the path finds, in order. */
export function findByPath(value: unknown, path: JsonPath): unknown[] {
  let found: unknown[] = [value]
  for (const step of path) found = found.flatMap(one => take(one, step))
  return found
}

function take(value: unknown, step: Step): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  const members = value as Record<string, unknown>
  switch (step.kind) {
    case 'name':
      return !Array.isArray(value) && Object.hasOwn(members, step.name) ? [members[step.name]] : []
    case 'index':
      if (!Array.isArray(value)) return []
      return value.slice(step.index, step.index === -1 ? undefined : step.index + 1)
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to) : []
    case 'all':
      return Object.values(members)
    case 'descend':
      return [value, ...Object.values(members).flatMap(inner => take(inner, step))]
    case 'filter':
      return (Array.isArray(value) ? value : []).filter(item => holds(findByPath(item, step.path)[0], step.operator, step.value))
  }
}

function holds(value: unknown, operator: string, wanted: unknown): boolean {
  if (operator === '') return value !== undefined
  if (value === undefined) return false
  const [left, right] = [value as number, wanted as number]
  switch (operator) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    default:
      return left >= right
  }
}
