// What the WorkQueue controller needs of SQS. shared/aws/queues.ts has it from AWS.

export interface QueueSettings {
  readonly visibilityTimeoutSeconds: number
  /** Receives after which a message goes to the dead-letter queue. */
  readonly maxReceiveCount: number
}

export interface QueueUrls {
  readonly queueUrl: string
  readonly deadLetterQueueUrl: string
}

/** Numbers of messages, as SQS counts them: approximately. */
export interface QueueDepth {
  /** Can be received now. */
  readonly visible: number
  readonly inFlight: number
  /** Sent, and cannot be received yet. */
  readonly delayed: number
  readonly deadLetters: number
}

export interface Queues {
  /** The queue of that name and its dead-letter queue, with these settings, made if they are not there. The name has up to 40 characters of [a-zA-Z0-9-]. */
  ensure(name: string, settings: QueueSettings): Promise<QueueUrls>
  /** Undefined: one of the two is gone. */
  depth(urls: QueueUrls): Promise<QueueDepth | undefined>
  /** The environment in which a worker's container finds the queue: `QUEUE_URL`, and what it needs to reach it from where it runs. */
  environment(queueUrl: string): Readonly<Record<string, string>>
  /** Both queues, with the messages in them. What is not there is no error. */
  remove(name: string): Promise<void>
}
