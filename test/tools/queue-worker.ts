// What a WorkQueue's container runs: it receives until the queue is empty, and prints each message.

/** No SDK in the image: SQS's JSON protocol by hand, where an SDK would look for it. */
export const QUEUE_WORKER = `
const sqs = async (operation, input) => {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.' + operation }
  const answer = await fetch(process.env.AWS_ENDPOINT_URL_SQS, { method: 'POST', headers, body: JSON.stringify({ QueueUrl: process.env.QUEUE_URL, ...input }) })
  if (!answer.ok) throw new Error(operation + ': ' + await answer.text())
  return answer.json()
}
const main = async () => {
  for (;;) {
    const { Messages = [] } = await sqs('ReceiveMessage', { MaxNumberOfMessages: 1, WaitTimeSeconds: 1 })
    if (Messages.length === 0) return
    for (const { Body, ReceiptHandle } of Messages) {
      console.log('worked', Body)
      await sqs('DeleteMessage', { ReceiptHandle })
    }
  }
}
main().catch(error => { console.log(error); process.exit(1) })`
