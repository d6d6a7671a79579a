// The queues of WorkQueue objects, on SQS.
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  QueueDoesNotExist,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import type { QueueDepth, QueueSettings, Queues, QueueUrls } from '../controllers/workqueue/queues.ts'

export interface SqsQueuesOptions {
  readonly client: SQSClient
  /** What every queue's name begins with: the functions may touch no others. */
  readonly prefix: string
  /** Where pods reach SQS, for a place where that is not where AWS has it; empty: they find it as anybody does. */
  readonly podEndpoint?: string
}

/** SQS's longest: a backlog outlives a holiday. Seconds. */
const RETENTION = String(14 * 86_400)
const DEAD = '-dead'

export class SqsQueues implements Queues {
  readonly #client: SQSClient
  readonly #prefix: string
  readonly #podEndpoint: string

  constructor({ client, prefix, podEndpoint = '' }: SqsQueuesOptions) {
    this.#client = client
    this.#prefix = prefix
    this.#podEndpoint = podEndpoint
  }

  async ensure(name: string, { visibilityTimeoutSeconds, maxReceiveCount }: QueueSettings): Promise<QueueUrls> {
    const queue = `${this.#prefix}${name}`
    const deadLetterQueueUrl = await this.#create(`${queue}${DEAD}`, { MessageRetentionPeriod: RETENTION })
    const { QueueArn: deadLetterTargetArn } = await this.#attributes(deadLetterQueueUrl, ['QueueArn'])
    const queueUrl = await this.#create(queue, {
      MessageRetentionPeriod: RETENTION,
      VisibilityTimeout: String(visibilityTimeoutSeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
    })
    return { queueUrl, deadLetterQueueUrl }
  }

  async depth({ queueUrl, deadLetterQueueUrl }: QueueUrls): Promise<QueueDepth | undefined> {
    try {
      const [own, dead] = await Promise.all([
        this.#attributes(queueUrl, [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ]),
        this.#attributes(deadLetterQueueUrl, ['ApproximateNumberOfMessages']),
      ])
      return {
        visible: Number(own.ApproximateNumberOfMessages),
        inFlight: Number(own.ApproximateNumberOfMessagesNotVisible),
        delayed: Number(own.ApproximateNumberOfMessagesDelayed),
        deadLetters: Number(dead.ApproximateNumberOfMessages),
      }
    } catch (error) {
      if (error instanceof QueueDoesNotExist) return undefined
      throw error
    }
  }

  environment(queueUrl: string): Readonly<Record<string, string>> {
    if (this.#podEndpoint === '') return { QUEUE_URL: queueUrl }
    // An emulator: SDKs want to be told where it is, and any credentials will do.
    return {
      QUEUE_URL: `${this.#podEndpoint}${new URL(queueUrl).pathname}`,
      AWS_ENDPOINT_URL_SQS: this.#podEndpoint,
      AWS_REGION: process.env.AWS_REGION ?? 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    }
  }

  async remove(name: string): Promise<void> {
    for (const queue of [`${this.#prefix}${name}`, `${this.#prefix}${name}${DEAD}`]) {
      try {
        const { QueueUrl } = await this.#client.send(new GetQueueUrlCommand({ QueueName: queue }))
        await this.#client.send(new DeleteQueueCommand({ QueueUrl }))
      } catch (error) {
        if (!(error instanceof QueueDoesNotExist)) throw error
      }
    }
  }

  /** Created without attributes, a queue that is there already is answered as it is, whatever its attributes are; then they are set. */
  async #create(QueueName: string, Attributes: Partial<Record<QueueAttributeName, string>>): Promise<string> {
    const { QueueUrl } = await this.#client.send(new CreateQueueCommand({ QueueName }))
    await this.#client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }))
    return QueueUrl!
  }

  async #attributes(QueueUrl: string, AttributeNames: QueueAttributeName[]): Promise<Partial<Record<QueueAttributeName, string>>> {
    const { Attributes = {} } = await this.#client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))
    return Attributes
  }
}
