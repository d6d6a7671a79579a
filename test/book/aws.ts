// The local AWS that a cluster runs on, as its user's own programs see it.
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Reader } from './book.ts'

const settings = ({ cluster }: Reader) => ({
  endpoint: `http://127.0.0.1:${cluster.awsPort}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})

export const sqsOf = (reader: Reader) => new SQSClient(settings(reader))
export const eventBridgeOf = (reader: Reader) => new EventBridgeClient(settings(reader))

/** Takes what is in a queue out of it, and answers the messages' bodies. */
export async function drain(sqs: SQSClient, QueueUrl: string): Promise<string[]> {
  const bodies: string[] = []
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    if (Messages.length === 0) return bodies
    bodies.push(...Messages.map(({ Body = '' }) => Body))
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
  }
}
