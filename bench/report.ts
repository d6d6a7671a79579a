// Lines of the report: what was measured, and beside it what a user would run instead.
export interface Figure {
  readonly name: string
  readonly value: string
  /** kube-apiserver 1.36 + etcd + controller-manager + scheduler + kwok, measured on two cores; or our own target. */
  readonly beside?: string
}

export function printFigures(title: string, figures: readonly Figure[]): void {
  const width = (pick: (figure: Figure) => string) => Math.max(...figures.map(figure => pick(figure).length))
  const [names, values] = [width(({ name }) => name), width(({ value }) => value)]
  console.log(`\n${title}`)
  for (const { name, value, beside } of figures) {
    console.log(`  ${name.padEnd(names)}  ${value.padStart(values)}${beside ? `   (${beside})` : ''}`)
  }
}

export const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
export const seconds = (value: number) => `${(value / 1000).toFixed(1)} s`
export const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`

/** Of a sample; `part` 0.5 is the median. */
export function quantile(sample: readonly number[], part: number): number {
  const sorted = [...sample].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}
