/** What the pipeline needs of a logger; pino's has this shape. */
export interface Log {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silent: Log = { debug() {}, warn() {}, error() {} }
