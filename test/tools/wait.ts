import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks until the answer is not undefined (or false) and gives it back. The time only keeps a broken system from hanging the suite;
 * it is no promise about speed.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  const until = performance.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > until) {
      throw new Error(`${what}: not within ${withinMs / 1000} s${last instanceof Error ? `; last: ${last.message}` : ''}`, { cause: last })
    }
    await sleep(100)
  }
}
