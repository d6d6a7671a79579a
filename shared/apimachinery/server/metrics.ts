// What this process has answered, as text for Prometheus. A cluster's API may run in many short-lived processes: each tells of itself
// only, so that sums over processes come from the platform's own metrics, not from here.
import type { RequestInfo } from '../request/request-info.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'

interface Series {
  readonly labels: string
  requests: number
  seconds: number
}

export class RequestMetrics {
  readonly #series = new Map<string, Series>()
  readonly #started: number

  /** `started`: milliseconds since the epoch. */
  constructor(started: number) {
    this.#started = started
  }

  /** `milliseconds` until the head of the answer was there: a watch counts as long as it took to begin. */
  record({ verb, group, version, resource, subresource }: RequestInfo, code: number, milliseconds: number): void {
    const labels = [
      ['code', String(code)],
      ['group', group],
      ['resource', resource],
      ['subresource', subresource],
      ['verb', verb.toUpperCase()],
      ['version', version],
    ]
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(',')
    const series = this.#series.get(labels) ?? { labels, requests: 0, seconds: 0 }
    series.requests++
    series.seconds += milliseconds / 1000
    this.#series.set(labels, series)
  }

  text(): string {
    const all = [...this.#series.values()].sort((a, b) => (a.labels < b.labels ? -1 : 1))
    return [
      ...family('apiserver_request_total', 'counter', 'Requests answered by this process.', all, series => series.requests),
      ...family('apiserver_request_seconds_total', 'counter', 'Time until the heads of answers were there.', all, series => series.seconds),
      '# HELP process_start_time_seconds When this process began, in seconds since the epoch.',
      '# TYPE process_start_time_seconds gauge',
      `process_start_time_seconds ${this.#started / 1000}`,
      '',
    ].join('\n')
  }
}

function family(name: string, type: string, help: string, all: readonly Series[], value: (series: Series) => number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...all.map(series => `${name}{${series.labels}} ${value(series)}`)]
}
