// US dollars, us-east-1, list prices as published on the date below, without any free tier. docs/cost.md is computed from these;
// other regions differ by up to a fifth. Sources: the pricing pages of each service.

export const PRICES_AS_OF = '2026-11'

export const PRICES = {
  dynamodb: {
    /** Per million write request units (1 KB each; a transaction counts double). */
    writeMillion: 0.625,
    /** Per million read request units (4 KB strong, 8 KB eventual). */
    readMillion: 0.125,
    storageGiBMonth: 0.25,
    backupGiBMonth: 0.2,
  },
  lambda: {
    requestMillion: 0.2,
    /** arm64. */
    gibSecond: 0.0000133334,
  },
  sqs: { fifoMillion: 0.5, standardMillion: 0.4 },
  scheduler: { invocationMillion: 1.0 },
  eventbridge: { customEventMillion: 1.0 },
  logs: { ingestGiB: 0.5, storageGiBMonth: 0.03 },
  fargate: { x86: { vcpuHour: 0.04048, gibHour: 0.004445 }, arm64: { vcpuHour: 0.03238, gibHour: 0.00356 } },
  publicIpv4Hour: 0.005,
  /** Its capacity units cost on top, by use. */
  networkLoadBalancerHour: 0.0225,
  cloudFront: { requestMillion: 1.0, transferGiB: 0.085 },
  metricMonth: 0.3,
  alarmMonth: 0.1,
  dashboardMonth: 3,
  kmsKeyMonth: 1,
  /** What a reader compares with. */
  eksControlPlaneHour: 0.1,
} as const

export const HOURS_PER_MONTH = 730

/** Receive calls that an SQS event source makes in a month with nothing in the queue: five pollers, each waiting 20 s. */
export const IDLE_RECEIVES_PER_QUEUE = 0.648e6
