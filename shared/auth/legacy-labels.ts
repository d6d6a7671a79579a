// Labels of Secrets that hold tokens of accounts, and who such tokens are from.

/** The issuer of tokens that are kept in Secrets. */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount'
/** The day on which the token was last used: "2006-01-02". */
export const LAST_USED = 'kubernetes.io/legacy-token-last-used'
/** The day from which on it is refused. */
export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'

/** "2006-01-02", in UTC. */
export const dateOf = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10)
