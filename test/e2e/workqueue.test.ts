// A WorkQueue whose workers are real containers, which receive from its queue until it is empty.
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { WorkQueue } from '../../shared/api/zeroplane/v1alpha1.ts'
import { Cluster } from '../tools/cluster.ts'
import { QUEUE_WORKER } from '../tools/queue-worker.ts'
import { eventually } from '../tools/wait.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare()
  await cluster.start()
})
afterAll(() => cluster?.destroy())

const manifest = {
  apiVersion: 'zeroplane.dev/v1alpha1',
  kind: 'WorkQueue',
  metadata: { name: 'mail' },
  spec: {
    max: 2,
    itemsPerJob: 3,
    jobTemplate: {
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            containers: [{ name: 'worker', image: 'zeroplane/demo:1', command: ['node', '-e', QUEUE_WORKER] }],
          },
        },
      },
    },
  },
}

test('its Jobs find the queue from inside their containers, work each message once, and end', { timeout: 240_000 }, async () => {
  await cluster.apply(JSON.stringify(manifest))
  const get = async () => JSON.parse(await cluster.kubectl('get wq mail -o json')) as WorkQueue
  const url = await eventually('it has a queue', async () => (await get()).status?.queueUrl)
  const endpoint = `http://127.0.0.1:${cluster.awsPort}`
  const sqs = new SQSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  const Entries = Array.from({ length: 6 }, (_, i) => ({ Id: String(i), MessageBody: `letter ${i}` }))
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }))
  sqs.destroy()
  // A queue that was empty is looked at once a minute, and when its object changes.
  await cluster.kubectl(`patch wq mail --type=merge -p '{"spec":{"max":3}}'`)

  const jobs = async () => (JSON.parse(await cluster.kubectl('get jobs -o json')) as { items: Job[] }).items
  const ended = await eventually(
    'its Jobs have completed',
    async () => {
      const all = await jobs()
      return all.length > 0 && all.every(({ status }) => status?.succeeded === 1) && all
    },
    120_000,
  )
  const logs = await Promise.all(ended.map(({ metadata }) => cluster.kubectl(`logs job/${metadata.name}`)))
  const worked = logs.join('').split('\n').filter(Boolean).sort()
  expect(worked).toEqual(Entries.map(({ MessageBody }) => `worked ${MessageBody}`))

  // What is behind the queue is not the containers' business.
  const tables =
    "fetch(process.env.ENDPOINT,{method:'POST',headers:{'x-amz-target':'DynamoDB_20120810.ListTables'},body:'{}'}).then(async a=>console.log(a.status,await a.text()))"
  const env = ended[0]!.spec.template.spec!.containers[0]!.env!.find(({ name }) => name === 'AWS_ENDPOINT_URL_SQS')!.value
  await cluster.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'curious' },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'zeroplane/demo:1', command: ['node', '-e', tables], env: [{ name: 'ENDPOINT', value: env }] }],
      },
    }),
  )
  await cluster.kubectl('wait --for=jsonpath={.status.phase}=Succeeded pod/curious --timeout=60s')
  expect(await cluster.kubectl('logs curious')).toMatch(/^400 .*the local AWS does not/)
  await cluster.kubectl('delete wq mail --timeout=60s')
})
