// The bus that the environment names. EventBridge's client is loaded only where there is one: dispatch reads it at every cold start.
import type { ChangeBus } from '../pipeline/change-events.ts'
import type { Log } from '../pipeline/log.ts'
import { sqsClient } from './clients.ts'
import { readEnvironment } from './environment.ts'

/** Undefined when the environment names none: then nothing is published. */
export function changeBus(log: Log): ChangeBus | undefined {
  const bus = process.env.EVENT_BUS
  if (!bus) return undefined
  let opened: Promise<ChangeBus> | undefined
  const open = () => {
    opened ??= openBus(bus, log)
    return opened
  }
  return {
    publish: async events => (await open()).publish(events),
    postpone: async events => (await open()).postpone(events),
  }
}

async function openBus(bus: string, log: Log): Promise<ChangeBus> {
  const { DELAY_QUEUE_URL: delayQueueUrl } = readEnvironment(['DELAY_QUEUE_URL'])
  const { EventBridgeBus, eventBridgeClient } = await import('./event-bus.ts')
  return new EventBridgeBus({ client: eventBridgeClient(), sqs: sqsClient(), bus, delayQueueUrl, log })
}
