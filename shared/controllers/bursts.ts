// Many writes at once, but few when the first ones fail: a template that can never be admitted costs one request, not a thousand.

/** How many children are made or deleted in one reconcile; the rest follow in the next. Upstream's number. */
export const BURST = 500

/**
 * Runs `count` calls in batches of 1, 2, 4, 8 ... and stops after the first batch with a failure.
 * @returns how many succeeded, and the first failure.
 */
export async function slowStart(count: number, call: (index: number) => Promise<void>): Promise<{ succeeded: number; error?: unknown }> {
  let succeeded = 0
  for (let size = 1, done = 0; done < count; done += size, size *= 2) {
    const batch = Math.min(size, count - done)
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => call(done + i)))
    succeeded += results.filter(result => result.status === 'fulfilled').length
    const failure = results.find(result => result.status === 'rejected')
    if (failure !== undefined) return { succeeded, error: failure.reason }
  }
  return { succeeded }
}

/** The same, one call after the other. */
export async function inTurn(count: number, call: (index: number) => Promise<void>): Promise<{ succeeded: number; error?: unknown }> {
  for (let i = 0; i < count; i++) {
    try {
      await call(i)
    } catch (error) {
      return { succeeded: i, error }
    }
  }
  return { succeeded: count }
}

/** Runs all calls, at most `width` at a time, and throws the first failure once all have ended. */
export async function all<T>(items: readonly T[], call: (item: T) => Promise<unknown>, width = 64): Promise<void> {
  let next = 0
  let failed = false
  let failure: unknown
  const worker = async () => {
    while (next < items.length) {
      try {
        await call(items[next++]!)
      } catch (error) {
        if (!failed) failure = error
        failed = true
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  if (failed) throw failure
}
