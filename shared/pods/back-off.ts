// How long the launcher waits after failures: image look-ups and launches alike, as kubelet does.
const BASE_MS = 10_000
const MAX_MS = 300_000

/** Milliseconds after the `failures`-th failure in a row (1 is the first): 10 s, doubling, at most 5 min. */
export const backOff = (failures: number) => Math.min(BASE_MS * 2 ** Math.max(0, failures - 1), MAX_MS)

/** A task that lived this long was no failure to launch. */
export const LONG_ENOUGH_MS = 600_000
