// PodSecurity: the levels that a namespace's labels ask for. The checks are loaded when a namespace first asks for one.
import type { Namespace } from '../../api/core/v1.ts'
import type { AdmissionPlugin, Attributes } from '../../apimachinery/admission.ts'
import { namespaceOf } from '../attributes.ts'
import { hasPolicy } from './policy.ts'

/** Kinds with a template of pods, by collection. */
const TEMPLATES = new Set([
  '/replicationcontrollers',
  '/podtemplates',
  'apps/replicasets',
  'apps/deployments',
  'apps/statefulsets',
  'apps/daemonsets',
  'batch/jobs',
  'batch/cronjobs',
])

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  async validate(attributes) {
    const { operation, subresource, endpoint, object } = attributes
    if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return
    const kind = `${endpoint.collection.group}/${endpoint.collection.resource}`
    if (kind === '/namespaces') return subresource === '' ? admitNamespace(attributes) : undefined
    const isPod = kind === '/pods' && (subresource === '' || subresource === 'ephemeralcontainers')
    if (!isPod && !(TEMPLATES.has(kind) && subresource === '')) return
    const namespace = await namespaceOf(attributes)
    if (!hasPolicy(namespace?.metadata.labels)) return
    const { admitPod, warnAboutTemplate } = await import('./admit.ts')
    if (isPod) admitPod(attributes, namespace as Namespace)
    else warnAboutTemplate(attributes, namespace as Namespace)
  },
}

async function admitNamespace(attributes: Attributes): Promise<void> {
  if (!hasPolicy(attributes.object?.metadata.labels) && !hasPolicy(attributes.old?.metadata.labels)) return
  const admit = await import('./admit.ts')
  await admit.admitNamespace(attributes)
}
