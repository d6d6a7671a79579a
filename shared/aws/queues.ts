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
}

/** SQS's longest: a backlog outlives a holiday. Seconds. */
const RETENTION = String(14 * 86_400)
const DEAD = '-dead'

export class SqsQueues implements Queues {
  readonly #client: SQSClient
  readonly #prefix: string

  constructor({ client, prefix }: SqsQueuesOptions) {
    this.#client = client
    this.#prefix = prefix
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
