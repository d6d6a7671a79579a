// What a deployment will create and what it costs while nobody uses it, told before anything happens.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { idleCost, total } from '../../cdk/cost.ts'
import { HOURS_PER_MONTH, PRICES, PRICES_AS_OF } from '../../cdk/prices.ts'

interface Template {
  readonly Resources: Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>
}

export function readTemplate(stackName: string, assembly: string): Template {
  return JSON.parse(readFileSync(join(assembly, `${stackName}.template.json`), 'utf8')) as Template
}

/** Lines for a person: resources by type, then the idle price. */
export function describePlan(template: Template): string[] {
  const counts = new Map<string, number>()
  for (const { Type } of Object.values(template.Resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1)
  return [
    `Creates or updates ${Object.keys(template.Resources).length} resources:`,
    ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, n]) => `  ${String(n).padStart(3)}  ${type}`),
    ...describeCost(template),
  ]
}

/** The idle price and what it is made of; what is billed by the hour says so. */
export function describeCost(template: Template): string[] {
  const lines = idleCost(template)
  const eks = PRICES.eksControlPlaneHour * HOURS_PER_MONTH
  return [
    `Idle, it costs about $${total(lines).toFixed(2)} a month (list prices of ${PRICES_AS_OF}, us-east-1, no free tier; an EKS control plane: $${eks.toFixed(0)}):`,
    ...lines.map(({ what, dollars, why }) => `  $${dollars.toFixed(2)}  ${why} (${what})`),
    'Pods, requests and stored objects cost on top: docs/cost.md.',
  ]
}
