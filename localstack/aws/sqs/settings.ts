// Queue attributes: text on the wire, settings inside; SQS's ranges and defaults.
import { AwsError } from '../errors.ts'
import type { QueueSettings } from './queue.ts'

const invalid = (name: string): AwsError =>
  new AwsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`, { queryCode: 'InvalidAttributeValue' })

interface Range {
  readonly low: number
  readonly high: number
  readonly value: number
}

const RANGES: Readonly<Record<string, Range>> = {
  VisibilityTimeout: { low: 0, high: 43_200, value: 30 },
  DelaySeconds: { low: 0, high: 900, value: 0 },
  MessageRetentionPeriod: { low: 60, high: 1_209_600, value: 345_600 },
  ReceiveMessageWaitTimeSeconds: { low: 0, high: 20, value: 0 },
  MaximumMessageSize: { low: 1024, high: 1_048_576, value: 1_048_576 },
}

/** Kept and given back, without an effect here. */
const KEPT = new Set(['Policy', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled', 'RedriveAllowPolicy'])
const FIFO_ONLY = new Set(['FifoQueue', 'ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit'])

function numberOf(attributes: Readonly<Record<string, string>>, name: keyof typeof RANGES & string): number {
  const { low, high, value } = RANGES[name]!
  const text = attributes[name]
  if (text === undefined) return value
  const given = Number(text)
  if (!Number.isInteger(given) || given < low || given > high) throw invalid(name)
  return given
}

/** @throws AwsError InvalidAttributeName, InvalidAttributeValue */
export function settingsOf(attributes: Readonly<Record<string, string>>): QueueSettings {
  const fifo = attributes.FifoQueue === 'true'
  for (const name of Object.keys(attributes)) {
    const known = name in RANGES || KEPT.has(name) || name === 'RedrivePolicy' || (FIFO_ONLY.has(name) && fifo)
    if (!known) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`, { queryCode: 'InvalidAttributeName' })
  }
  return {
    fifo,
    contentBasedDeduplication: attributes.ContentBasedDeduplication === 'true',
    deduplicatePerGroup: attributes.DeduplicationScope === 'messageGroup',
    visibilityTimeout: numberOf(attributes, 'VisibilityTimeout') * 1000,
    delay: numberOf(attributes, 'DelaySeconds') * 1000,
    retention: numberOf(attributes, 'MessageRetentionPeriod') * 1000,
    receiveWait: numberOf(attributes, 'ReceiveMessageWaitTimeSeconds') * 1000,
    maximumMessageSize: numberOf(attributes, 'MaximumMessageSize'),
    redrive: attributes.RedrivePolicy ? redriveOf(attributes.RedrivePolicy) : undefined,
  }
}

function redriveOf(text: string): NonNullable<QueueSettings['redrive']> {
  let policy: { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown }
  try {
    policy = JSON.parse(text) as typeof policy
  } catch {
    throw invalid('RedrivePolicy')
  }
  const maxReceiveCount = Number(policy.maxReceiveCount)
  const valid =
    typeof policy.deadLetterTargetArn === 'string' && Number.isInteger(maxReceiveCount) && maxReceiveCount >= 1 && maxReceiveCount <= 1000
  if (!valid) throw invalid('RedrivePolicy')
  return { deadLetterTargetArn: policy.deadLetterTargetArn as string, maxReceiveCount }
}

/** All attributes as GetQueueAttributes answers them, defaults included. */
export function attributesOf(given: Readonly<Record<string, string>>): Record<string, string> {
  const all: Record<string, string> = {}
  for (const [name, { value }] of Object.entries(RANGES)) all[name] = String(value)
  return { SqsManagedSseEnabled: 'true', ...all, ...given }
}
