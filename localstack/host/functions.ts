// The functions of functions/, as Lambda would run them: loaded once, invoked with an event and a context. Timeouts and sizes are cdk's.
import { existsSync } from 'node:fs'
import type { Identity } from '../aws/identity.ts'
import { type FunctionSettings, type Handler, installAwsLambda, newContext } from './lambda.ts'
import type { Invoke } from './mappings/invoke.ts'

const SETTINGS = {
  api: { timeoutSeconds: 900, memoryMiB: 512 },
  dispatch: { timeoutSeconds: 60, memoryMiB: 256 },
  reconcile: { timeoutSeconds: 90, memoryMiB: 1024 },
  tasks: { timeoutSeconds: 60, memoryMiB: 512 },
  tick: { timeoutSeconds: 120, memoryMiB: 512 },
} as const

export type FunctionName = keyof typeof SETTINGS

export interface LoadedFunction {
  readonly settings: FunctionSettings
  readonly handler: Handler
}

/** Loads handlers whose dependencies come from the environment, which must be set before. */
export async function loadFunctions(
  names: readonly FunctionName[],
  identity: Identity,
): Promise<ReadonlyMap<FunctionName, LoadedFunction>> {
  installAwsLambda()
  const loaded = await Promise.all(
    names
      .filter(name => existsSync(new URL(`../../functions/${name}/handler.ts`, import.meta.url)))
      .map(async name => {
        const { handler } = (await import(`../../functions/${name}/handler.ts`)) as { handler: Handler }
        return [name, { handler, settings: { name, ...SETTINGS[name], ...identity } }] as const
      }),
  )
  return new Map(loaded)
}

export function settingsOf(name: FunctionName, identity: Identity): FunctionSettings {
  return { name, ...SETTINGS[name], ...identity }
}

/** Invokes by name, as event source mappings, EventBridge and Scheduler do. */
export function invoker(functions: ReadonlyMap<string, LoadedFunction>): Invoke {
  return async (name, event) => {
    const found = functions.get(name)
    if (!found) throw new Error(`there is no function ${name}`)
    return await found.handler(event as never, newContext(found.settings))
  }
}
