// What only we have: the API of 2018 beside today's, queues that launch Jobs, changes of objects as events.
import { DeleteRuleCommand, PutRuleCommand, PutTargetsCommand, RemoveTargetsCommand } from '@aws-sdk/client-eventbridge'
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import { expect } from 'vitest'
import type { Deployment } from '../../shared/api/apps/v1.ts'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { WorkQueue } from '../../shared/api/zeroplane/v1alpha1.ts'
import { QUEUE_WORKER } from '../tools/queue-worker.ts'
import { drain, eventBridgeOf, sqsOf } from './aws.ts'
import { chapter, eventually, type Reader } from './book.ts'

const { row } = chapter(12)

const KUARD = 'gcr.io/kuar-demo/kuard-amd64:1'

const OLD = 'deployments.v1beta1.extensions'
const TODAY = 'deployments.v1.apps'

const web = (apiVersion: string, selector = '') => `apiVersion: ${apiVersion}
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
${selector}  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "${KUARD}"}]
`

row('one Deployment, read, watched and changed through the API of 2018 and of today', async reader => {
  const applied = await reader.try('apply -f -', { input: web('extensions/v1beta1') })
  expect(applied.stdout).toBe('deployment.extensions/web created\n')
  const read = (resource: string) => reader.json<Deployment>(`get ${resource} web`)
  const value = (resource: string, path: string) => reader.kubectl(`get ${resource} web -o jsonpath={${path}}`)
  // It may be written by its controller between the two.
  const [old, today] = await eventually('both are of one moment', async () => {
    const [old, today] = [await read(OLD), await read(TODAY)]
    return old.metadata.resourceVersion === today.metadata.resourceVersion && ([old, today] as const)
  })
  expect([old.apiVersion, today.apiVersion]).toEqual(['extensions/v1beta1', 'apps/v1'])
  expect(old.metadata.uid).toBe(today.metadata.uid)
  // What the older version leaves out or has no end of stands in today's, where it must be said.
  expect(today.spec).toMatchObject({
    selector: { matchLabels: { app: 'web' } },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
    progressDeadlineSeconds: 2147483647,
  })

  const watching = reader.watch(`get ${OLD} web --watch -o jsonpath={.apiVersion}:{.metadata.generation};`)
  await eventually('the watch has begun', () => watching.seen !== '')
  expect(await reader.kubectl(`patch ${OLD} web -p '{"spec":{"paused":true}}'`)).toBe('deployment.extensions/web patched\n')
  expect(await value(TODAY, '.spec.paused')).toBe('true')
  const label = '{"spec":{"template":{"metadata":{"labels":{"by":"today"}}}}}'
  expect(await reader.kubectl(`patch ${TODAY} web --type=merge -p '${label}'`)).toBe('deployment.apps/web patched\n')
  expect(await value(OLD, '.spec.template.metadata.labels.by')).toBe('today')
  await eventually('who watches the old one sees both', () => /^extensions\/v1beta1:1;.*\/v1beta1:2;.*\/v1beta1:3;/.test(watching.seen))
  // Each version has its own rules: the selector is today's to keep.
  const selector = '[{"op":"add","path":"/spec/selector/matchLabels/by","value":"today"}]'
  const refused = await reader.try(`patch ${TODAY} web --type=json -p '${selector}'`)
  expect(refused.stderr).toMatch(/spec\.selector: Invalid value: .*field is immutable/)
  expect(await reader.kubectl(`patch ${OLD} web --type=json -p '${selector}'`)).toBe('deployment.extensions/web patched\n')
  expect(await value(TODAY, '.spec.selector.matchLabels.by')).toBe('today')

  expect(await reader.kubectl(`patch ${TODAY} web -p '{"spec":{"paused":false,"replicas":1}}'`)).toContain('patched')
  await eventually('its pod is ready', async () => (await reader.readyPods('by=today')).length === 1)
  await reader.see(`get ${OLD} web --no-headers`, /^web +1\/1 +1 +1 /)
  expect(await reader.kubectl(`delete ${OLD} web`)).toContain('deployment.extensions "web" deleted')
  expect((await reader.try(`get ${TODAY} web`)).stderr).toContain('deployments.apps "web" not found')
})

row('an Ingress, an autoscaler and a CronJob, each in two versions', async reader => {
  const value = (what: string, path: string) => reader.kubectl(`get ${what} -o jsonpath={${path}}`)
  await reader.apply(`apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - host: web.example.com
      http: {paths: [{path: /, backend: {serviceName: web, servicePort: 80}}]}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 2
  maxReplicas: 5
  targetCPUUtilizationPercentage: 80
  scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: nobody}
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: "${KUARD}"}]
`)
  const backend = '.spec.rules[0].http.paths[0].backend'
  expect(await value('ingresses.v1.networking.k8s.io web', `${backend}.service.name}:{${backend}.service.port.number`)).toBe('web:80')
  const path = '/spec/rules/0/http/paths/0/backend/service/name'
  await reader.kubectl(`patch ingresses.v1.networking.k8s.io web --type=json -p '[{"op":"replace","path":"${path}","value":"shop"}]'`)
  expect(await value('ingresses.v1beta1.extensions web', `${backend}.serviceName}:{${backend}.servicePort`)).toBe('shop:80')

  const target = '.spec.metrics[0].resource.target.averageUtilization'
  expect(await value('horizontalpodautoscalers.v2.autoscaling web', target)).toBe('80')
  const metrics = '[{"op":"replace","path":"/spec/metrics/0/resource/target/averageUtilization","value":50}]'
  await reader.kubectl(`patch horizontalpodautoscalers.v2.autoscaling web --type=json -p '${metrics}'`)
  expect(await value('horizontalpodautoscalers.v1.autoscaling web', '.spec.targetCPUUtilizationPercentage')).toBe('50')

  await reader.kubectl(`patch cronjobs.v1beta1.batch nightly -p '{"spec":{"suspend":true}}'`)
  expect(await value('cronjobs.v1.batch nightly', '.spec.suspend}:{.spec.schedule')).toBe('true:0 3 * * *')
})

const WORK_QUEUE = {
  apiVersion: 'zeroplane.dev/v1alpha1',
  kind: 'WorkQueue',
  metadata: { name: 'thumbnails' },
  spec: {
    max: 3,
    itemsPerJob: 2,
    jobTemplate: {
      spec: {
        template: {
          spec: { restartPolicy: 'Never', containers: [{ name: 'worker', image: KUARD, command: ['node', '-e', QUEUE_WORKER] }] },
        },
      },
    },
  },
}

const jobs = async (reader: Reader) => (await reader.json<{ items: Job[] }>('get jobs')).items

row(
  'a WorkQueue: messages lead to Jobs, none are left when they are worked, and its queue ends with it',
  async reader => {
    const sqs = sqsOf(reader)
    expect(await reader.apply(JSON.stringify(WORK_QUEUE))).toBe('workqueue.zeroplane.dev/thumbnails created\n')
    await reader.see(
      'get wq thumbnails',
      /^NAME +DEPTH +IN FLIGHT +JOBS +DEAD LETTERS +OLDEST +AGE\nthumbnails +0 +0 +0\/3 +0 +\S+ +\d+s\n$/,
    )
    await reader.kubectl('wait --for=condition=Ready workqueue/thumbnails --timeout=60s', { timeout: 70_000 })
    const { status } = await reader.json<WorkQueue>('get workqueue thumbnails')
    const { queueUrl: QueueUrl = '', deadLetterQueueUrl = '' } = status ?? {}
    const watching = reader.watch('get wq thumbnails --watch --no-headers')
    const pictures = [0, 1, 2, 3].map(number => `picture-${number}`)
    const Entries = pictures.map(MessageBody => ({ Id: MessageBody, MessageBody }))
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    // It is looked at once a minute while it is empty.
    await eventually('four messages want two Jobs', () => /^thumbnails +4 +0 +2\/3 /m.test(watching.seen))
    await reader.see('get jobs --no-headers', /^thumbnails-1 +(Complete +)?1\/1 .*\nthumbnails-2 +(Complete +)?1\/1 /)
    await reader.see('get wq thumbnails --no-headers', /^thumbnails +0 +0 +0\/3 +0 /)
    // Which of the two was faster is theirs; each message is worked once.
    const logs = await Promise.all((await jobs(reader)).map(({ metadata }) => reader.kubectl(`logs job/${metadata.name}`)))
    expect(logs.join('').split('\n').filter(Boolean).sort()).toEqual(pictures.map(picture => `worked ${picture}`))
    expect(await reader.events('thumbnails')).toContain('SuccessfulCreate')

    await reader.kubectl('delete wq thumbnails')
    for (const url of [QueueUrl, deadLetterQueueUrl])
      await expect(sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))).rejects.toThrow(/does not exist/)
    await eventually('its Jobs go with it', async () => (await jobs(reader)).length === 0)
    sqs.destroy()
  },
  { slow: true },
)

interface ChangeEvent {
  readonly 'detail-type': string
  readonly detail: {
    readonly change: string
    readonly uid: string
    readonly resourceVersion: string
    readonly object: { readonly data: object }
  }
}

row('changes of objects come by EventBridge to the queue that a rule names', async reader => {
  const [sqs, events] = [sqsOf(reader), eventBridgeOf(reader)]
  const Name = `book-${reader.namespace}`
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: Name }))
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }))
  const pattern = { source: ['zeroplane'], detail: { namespace: [reader.namespace], kind: ['ConfigMap'], name: ['prices'] } }
  await events.send(new PutRuleCommand({ Name, EventPattern: JSON.stringify(pattern) }))
  await events.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: 'queue', Arn: Attributes!.QueueArn! }] }))
  try {
    await reader.kubectl('create configmap prices --from-literal=apple=1')
    await reader.kubectl('create configmap others --from-literal=apple=1')
    await reader.kubectl(`patch configmap prices -p '{"data":{"apple":"2"}}'`)
    await reader.kubectl('delete configmap prices')
    // They come at least once, in no order.
    const seen = new Map<string, ChangeEvent>()
    await eventually('all three changes are told', async () => {
      for (const body of await drain(sqs, QueueUrl)) {
        const event = JSON.parse(body) as ChangeEvent
        seen.set(event.detail.resourceVersion, event)
      }
      return seen.size >= 3
    })
    const told = [...seen.values()].map(({ 'detail-type': type, detail }) => [type, detail.change, detail.object.data]).sort()
    expect(told).toEqual([
      ['ConfigMap Created', 'created', { apple: '1' }],
      ['ConfigMap Deleted', 'deleted', { apple: '2' }],
      ['ConfigMap Updated', 'updated', { apple: '2' }],
    ])
    expect(new Set([...seen.values()].map(({ detail }) => detail.uid)).size).toBe(1)
  } finally {
    await events.send(new RemoveTargetsCommand({ Rule: Name, Ids: ['queue'] }))
    await events.send(new DeleteRuleCommand({ Name }))
    await sqs.send(new DeleteQueueCommand({ QueueUrl }))
    for (const client of [sqs, events]) client.destroy()
  }
})
