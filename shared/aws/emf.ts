// Figures in CloudWatch's embedded metric format: log lines that CloudWatch turns into metrics, so that no call is made and none is waited for.
import type { Figure, Telemetry } from '../telemetry.ts'

/** CloudWatch takes at most so many values of one metric in one line. */
const VALUES = 100

interface Metric {
  readonly unit: Figure['unit']
  readonly values: number[]
}

/** Collects until it is flushed: one line for each way of telling apart, whatever happened in between. */
export class Emf implements Telemetry {
  readonly #namespace: string
  readonly #write: (line: string) => void
  readonly #now: () => number
  #collected = new Map<string, { readonly by: Readonly<Record<string, string>>; readonly metrics: Map<string, Metric> }>()

  constructor(namespace: string, write: (line: string) => void, now: () => number) {
    this.#namespace = namespace
    this.#write = write
    this.#now = now
  }

  add({ name, unit, value, by = {} }: Figure): void {
    const id = JSON.stringify(Object.entries(by).sort())
    const group = this.#collected.get(id) ?? { by, metrics: new Map<string, Metric>() }
    this.#collected.set(id, group)
    const metric = group.metrics.get(name) ?? { unit, values: [] }
    group.metrics.set(name, metric)
    // A count is the sum of what was counted; of times each one matters.
    if (unit === 'Count' && metric.values.length > 0) metric.values[0]! += value
    else metric.values.push(value)
  }

  flush(): void {
    const collected = this.#collected
    this.#collected = new Map()
    for (const { by, metrics } of collected.values()) {
      const most = Math.max(...[...metrics.values()].map(({ values }) => values.length))
      for (let from = 0; from < most; from += VALUES) {
        const here = [...metrics].filter(([, { values }]) => from < values.length)
        this.#write(
          JSON.stringify({
            _aws: {
              Timestamp: this.#now(),
              CloudWatchMetrics: [
                {
                  Namespace: this.#namespace,
                  Dimensions: [Object.keys(by)],
                  Metrics: here.map(([Name, { unit: Unit }]) => ({ Name, Unit })),
                },
              ],
            },
            ...by,
            ...Object.fromEntries(here.map(([name, { values }]) => [name, values.slice(from, from + VALUES)])),
          }),
        )
      }
    }
  }
}
