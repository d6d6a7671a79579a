// Small manifests. Pods have a scheduler that does not exist, so that they go at once when they are deleted, unless told otherwise.
import { timestamp } from '../../shared/controllers/time.ts'

export const template = (app: string, image = 'c:1', spec: object = {}) => ({
  metadata: { labels: { app } },
  spec: { schedulerName: 'nobody', containers: [{ name: 'c', image }], ...spec },
})

const workload = (kind: string, name: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: template(name), ...spec },
})

export const deployment = (name: string, spec: object = {}) => workload('Deployment', name, spec)
export const statefulSet = (name: string, spec: object = {}) => workload('StatefulSet', name, { serviceName: name, ...spec })
export const daemonSet = (name: string, spec: object = {}) => workload('DaemonSet', name, spec)

export const job = (name: string, spec: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: { template: template(name, 'c:1', { restartPolicy: 'Never' }), ...spec },
})

export const readyNode = (name: string, now: number, allocatable: object = { cpu: '64', memory: '256Gi', pods: '1000' }) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  // Nobody sends heartbeats for it, and nobody misses any.
  spec: { providerID: `ecs://test/${name}` },
  status: {
    capacity: allocatable,
    allocatable,
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '', lastHeartbeatTime: timestamp(now) }],
  },
})
