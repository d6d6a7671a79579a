// Faults between the real SDK and a real endpoint, above and below the SDK's own retries.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'

export interface FaultyClient {
  readonly client: DynamoDBClient
  /** Nothing that the client asks for is answered any more. */
  crash(): void
}

/** @param random decides what fails; @param happened counts it, by name */
export function withFaults(client: DynamoDBClient, random: () => number, happened: Map<string, number>): FaultyClient {
  let alive = true
  const forever = () => new Promise<never>(() => {})
  const happens = (name: string, probability: number) => {
    if (random() >= probability) return false
    happened.set(name, (happened.get(name) ?? 0) + 1)
    return true
  }
  client.middlewareStack.add(
    (next, context) => async args => {
      if (!alive) await forever()
      const reply = await next(args)
      if (!alive) await forever()
      // After all retries: nobody can say what became of it.
      if (context.commandName !== 'QueryCommand' && happens('reply lost for good', 0.02)) {
        throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
      }
      return reply
    },
    { step: 'initialize', name: 'faultsAboveRetries' },
  )
  client.middlewareStack.add(
    next => async args => {
      if (happens('delay', 0.05)) await new Promise(resolve => setTimeout(resolve, random() * 100))
      if (happens('throttled', 0.02))
        throw Object.assign(new Error('slow down'), { name: 'ThrottlingException', $retryable: { throttling: true } })
      const reply = await next(args)
      // The SDK sends the same request again, after this one was carried out.
      if (happens('reply lost, request repeated', 0.03))
        throw Object.assign(new Error('no reply'), { name: 'TimeoutError', $retryable: {} })
      return reply
    },
    { step: 'finalizeRequest', priority: 'low', name: 'faultsBelowRetries' },
  )
  return {
    client,
    crash() {
      alive = false
    },
  }
}
