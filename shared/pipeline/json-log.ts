import { pino, stdSerializers } from 'pino'
import type { Log } from './log.ts'
import { traceIds } from './trace.ts'

/** JSON lines on standard output, as Lambda's log groups take them. LOG_LEVEL is one of pino's; default "info". */
export function jsonLog(name: string): Log {
  return pino({
    name,
    level: process.env.LOG_LEVEL ?? 'info',
    serializers: { error: stdSerializers.err },
    base: undefined,
    mixin: traceIds,
    formatters: { level: label => ({ level: label }) },
  })
}
