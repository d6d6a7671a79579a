// The protocol's times, in milliseconds, and what depends on each.

/** A slot that is empty while a later one is filled gets fenced after so long. A writer needs some milliseconds between its two steps. */
export const GRACE_MS = 1000

/** A writer whose number is older than this does not use it any more, but fences its slot and takes a new one. */
export const ABANDON_MS = 10_000

/**
 * A number that was taken before this is never used any more: its writer abandons it after ABANDON_MS, and a request that was
 * on its way for longer than five minutes is refused for the age of its signature. The rest is room for clocks that differ.
 */
export const DEAD_MS = 20 * 60_000

/** Changes are served to watches for so long... */
export const RETENTION_MS = 60 * 60_000

/** ... and kept for so long: DynamoDB deletes at or after this, never before. */
export const LOG_TTL_MS = 75 * 60_000

/** How often the head of a busy collection notes which revision it had at which time. The log's floor is known that exactly. */
export const MARK_EVERY_MS = 10 * 60_000
