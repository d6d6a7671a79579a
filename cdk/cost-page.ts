// docs/cost.md, computed: prices with their date (prices.ts), units with what holds them (units.ts), the template's idle lines.
// `node scripts/cost.ts` writes it; a test fails when the page is not what this says.
import { type CostLine, total } from './cost.ts'
import type { OptionCost } from './option-costs.ts'
import { HOURS_PER_MONTH, PRICES, PRICES_AS_OF } from './prices.ts'
import { UNITS } from './units.ts'

const dollars = (value: number) =>
  value >= 0.095 ? `$${value.toFixed(2)}` : value >= 0.001 ? `$${value.toFixed(4)}` : `$${value.toExponential(1)}`

/** Dollars for one of each. */
export function unitCosts() {
  const { dynamodb, lambda, sqs, fargate, publicIpv4Hour } = PRICES
  const write = (UNITS.write.writeUnits * dynamodb.writeMillion) / 1e6
  const apiSecond = UNITS.apiMemoryGiB * lambda.gibSecond
  const request = lambda.requestMillion / 1e6 + (UNITS.apiRequestMs / 1000) * apiSecond
  const podStart =
    (UNITS.podStart.objectWrites + UNITS.podStart.eventWrites) * write +
    (UNITS.podStartInvocations * lambda.requestMillion) / 1e6 +
    (UNITS.podStartReconcileMs / 1000) * UNITS.reconcileMemoryGiB * lambda.gibSecond +
    (UNITS.podStartInvocations * sqs.fifoMillion) / 1e6
  const { writeUnits, reportsPerHour, reportsPerHourAnyway } = UNITS.usageNote
  const report = request + (UNITS.get.readUnits * dynamodb.readMillion) / 1e6
  const { autoscalerLook } = UNITS
  const look =
    (autoscalerLook.readUnits * dynamodb.readMillion) / 1e6 +
    (autoscalerLook.invocations * lambda.requestMillion) / 1e6 +
    (autoscalerLook.milliseconds / 1000) * UNITS.reconcileMemoryGiB * lambda.gibSecond +
    (autoscalerLook.standardRequests * sqs.standardMillion + autoscalerLook.fifoRequests * sqs.fifoMillion) / 1e6
  const watchReads = (3600 / UNITS.watchPollSeconds) * UNITS.tailRead.readUnits * (dynamodb.readMillion / 1e6)
  return {
    writeMillion: (write + request) * 1e6,
    getMillion: ((UNITS.get.readUnits * dynamodb.readMillion) / 1e6 + request) * 1e6,
    podStart,
    agentHour: reportsPerHourAnyway * report,
    usageHour: (reportsPerHour * writeUnits * dynamodb.writeMillion) / 1e6 + (reportsPerHour - reportsPerHourAnyway) * report,
    autoscalerHour: autoscalerLook.perHour * look,
    watchHour: 3600 * apiSecond + watchReads,
    podHour: 0.25 * fargate.x86.vcpuHour + 0.5 * fargate.x86.gibHour + publicIpv4Hour,
    podHourArm: 0.25 * fargate.arm64.vcpuHour + 0.5 * fargate.arm64.gibHour + publicIpv4Hour,
  }
}

export function costPage(idle: readonly CostLine[], options: readonly OptionCost[]): string {
  const unit = unitCosts()
  const eks = PRICES.eksControlPlaneHour * HOURS_PER_MONTH
  return `# What it costs

Computed by \`node scripts/cost.ts\` from list prices of ${PRICES_AS_OF} (us-east-1, US dollars, no free tier; \`cdk/prices.ts\`), from what the product asks of
AWS (\`cdk/units.ts\`; each figure there names the test that holds it, or says that it is an estimate) and from the template. Other regions differ.

## Idle

A deployment that nobody uses: no open watch, no pod.

| what | a month |
|---|---|
${idle.map(({ what, why, dollars: d }) => `| ${why} (\`${what}\`) | $${d.toFixed(2)} |`).join('\n')}
| **together** | **$${total(idle).toFixed(2)}** |
| for comparison: an EKS control plane | $${eks.toFixed(0)} |

Stored objects add $${PRICES.dynamodb.storageGiBMonth} per GiB and month and $${PRICES.dynamodb.backupGiBMonth} for their continuous backup: a thousand objects of 2 KB are 2 MB. SQS's free million requests a month covers most of the polling.

What options add to that, used or not:

| option | a month |
|---|---|
${options.map(({ option, dollars: d }) => `| ${option} | $${d.toFixed(2)} |`).join('\n')}

CloudFront is billed by use: $${PRICES.cloudFront.requestMillion.toFixed(2)} for a million requests, $${PRICES.cloudFront.transferGiB} for a GiB; a metric that \`observability\` writes $${PRICES.metricMonth} for a month in which it is written, a key of your own $${PRICES.kmsKeyMonth}.

## Used

| what | costs |
|---|---|
| a million single-object reads through the API | ${dollars(unit.getMillion)} |
| a million writes of objects up to 1 KB | ${dollars(unit.writeMillion)} |
| a pod's start: control plane's share (${UNITS.podStart.objectWrites} object writes, ${UNITS.podStart.eventWrites} events) | ${dollars(unit.podStart)} |
| a thousand pod starts | ${dollars(unit.podStart * 1000)} |
| an hour of the smallest pod (0.25 vCPU, 0.5 GiB, public address), x86 | ${dollars(unit.podHour)} |
| the same on arm64 | ${dollars(unit.podHourArm)} |
| an hour of one pod's figures of use, while \`kubectl top\` is asked for or an autoscaler of its namespace looks at them | ${dollars(unit.usageHour)} |
| an hour of one autoscaler, its pods' figures apart | ${dollars(unit.autoscalerHour)} |
| an hour of a running pod's reports to the control plane | ${dollars(unit.agentHour)} |
| an hour of one open watch (\`kubectl get -w\`, an operator's informer) | ${dollars(unit.watchHour)} |
| one watch open all month | ${dollars(unit.watchHour * HOURS_PER_MONTH)} |

Watches are what an idle cluster can get expensive by: each holds a function environment while it is open. Five that are open all month cost more than an EKS
control plane; operators with many informers belong on the gateway or on a cluster of servers. The product's own controllers hold none: they are driven by the stream.
`
}
