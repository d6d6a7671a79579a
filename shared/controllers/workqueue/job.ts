// The Job that a WorkQueue launches. Pure.
import { createHash } from 'node:crypto'
import type { Job } from '../../api/batch/v1.ts'
import type { Container, PodSpec } from '../../api/core/v1.ts'
import type { WorkQueue } from '../../api/zeroplane/v1alpha1.ts'
import { controllerReference } from '../owners.ts'

const NAME_LENGTH = 40
const HASH_LENGTH = 10

/** Of its SQS queue: unlike that of any other WorkQueue there is, was or will be, since SQS gives a name free only a minute after its deletion. */
export function queueName({ metadata }: WorkQueue): string {
  const hash = createHash('sha256').update(metadata.uid!).digest('hex').slice(0, HASH_LENGTH)
  const readable = `${metadata.namespace}-${metadata.name}`.replaceAll(/[^a-zA-Z0-9-]/g, '-').slice(0, NAME_LENGTH - HASH_LENGTH - 1)
  return `${readable}-${hash}`
}

export const jobName = ({ metadata }: WorkQueue, number: number): string => `${metadata.name}-${number}`

/** Undefined for a name that jobName does not make. */
export function numberOf({ metadata }: WorkQueue, job: Job): number | undefined {
  const prefix = `${metadata.name}-`
  if (!job.metadata.name.startsWith(prefix)) return undefined
  const rest = job.metadata.name.slice(prefix.length)
  return /^[1-9]\d*$/.test(rest) ? Number(rest) : undefined
}

/** `environment`: what its containers get beside their own (Queues.environment). */
export function jobFor(workQueue: WorkQueue, number: number, environment: Readonly<Record<string, string>>): Job {
  const { metadata, spec: template } = structuredClone(workQueue.spec.jobTemplate)
  const spec = template!
  const pod = spec.template?.spec
  if (pod !== undefined) spec.template!.spec = withQueue(pod, environment)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(workQueue, number),
      namespace: workQueue.metadata.namespace,
      labels: metadata?.labels,
      annotations: metadata?.annotations,
      ownerReferences: [controllerReference(workQueue)],
    },
    spec,
  }
}

function withQueue(pod: PodSpec, environment: Readonly<Record<string, string>>): PodSpec {
  const told = (container: Container): Container => {
    const env = container.env ?? []
    const own = new Set(env.map(({ name }) => name))
    const added = Object.entries(environment).flatMap(([name, value]) => (own.has(name) ? [] : [{ name, value }]))
    return { ...container, env: [...env, ...added] }
  }
  return {
    ...pod,
    containers: pod.containers.map(told),
    ...(pod.initContainers === undefined ? {} : { initContainers: pod.initContainers.map(told) }),
  }
}
