// What each option adds to the idle month, from its template.
import { DEFAULTS, type ZeroplaneConfig } from './config.ts'
import { idleCost, total } from './cost.ts'
import { templateOf } from './template.ts'

export interface OptionCost {
  readonly option: string
  readonly dollars: number
}

const OPTIONS: Readonly<Record<string, Partial<ZeroplaneConfig>>> = {
  '`observability`': { observability: true },
  '`gateway` in two zones': { gateway: { host: 'api.example.com', certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1' } },
  '`cloudFront`': { cloudFront: true },
}

/** @param folder with bundles (template.ts) */
export function optionCosts(folder: string): OptionCost[] {
  const idle = (config: Partial<ZeroplaneConfig>) => total(idleCost(templateOf(folder, { ...DEFAULTS, ...config })))
  const plain = idle({})
  return Object.entries(OPTIONS).map(([option, config]) => ({ option, dollars: idle(config) - plain }))
}
