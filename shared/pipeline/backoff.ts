/**
 * As upstream's default rate limiter (5 ms, doubled), but no longer than a delay queue takes. Only the first retry comes at once: it is
 * mostly a lost race about a resourceVersion, and the retry sees everything.
 */
const FIRST_MS = 5
const LONGEST_MS = 900_000

/** Milliseconds to wait after so many failures in a row. */
export function backoff(failures: number): number {
  return failures <= 1 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 2))
}
