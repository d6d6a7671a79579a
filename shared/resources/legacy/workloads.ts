// The workloads of 2018: extensions/v1beta1, apps/v1beta1 and apps/v1beta2. What they leave out means something else in each of them.
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../api/apps/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { clone } from '../../apimachinery/objects.ts'
import type { Action, ActionCall, VersionDefinition } from '../../apimachinery/resource.ts'
import { badRequest, isStatus, notFound } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { success } from '../answers.ts'
import { TEMPLATE_GENERATION } from '../daemon-set.ts'
import { MAX_INT32 } from '../validation/checks.ts'
import { fromTemplateLabels } from '../workload.ts'
import { deprecated } from './deprecated.ts'

const EXTENSIONS = { group: 'extensions', version: 'v1beta1' }
const ROLLBACK_TO = 'deprecated.deployment.rollback.to'

const version = (
  kind: string,
  { group, version: name }: { group?: string; version: string },
  rest: Omit<VersionDefinition, 'version' | 'schema'>,
): VersionDefinition => ({
  ...(group === undefined ? {} : { group }),
  version: name,
  schema: `io.k8s.api.${group ?? 'apps'}.${name}.${kind}`,
  deprecation: deprecated(`${group ?? 'apps'}/${name}`, kind, name === 'v1beta2' ? '1.9' : '1.8', '1.16', 'apps/v1'),
  defaultPropagation: 'Orphan',
  ...rest,
})

// --- members that only the old versions have: they live in annotations ----------------------------------------------------------

type WithSpec = KubeObject & { spec?: Record<string, unknown> }

/** The member moves into the annotation, as text. */
function intoAnnotation(object: KubeObject, member: string, annotation: string, text: (value: unknown) => string): KubeObject {
  const { spec } = object as WithSpec
  if (spec === undefined) return object
  const value = spec[member]
  delete spec[member]
  const annotations = { ...object.metadata.annotations }
  delete annotations[annotation]
  if (value !== undefined) annotations[annotation] = text(value)
  if (Object.keys(annotations).length > 0) object.metadata.annotations = annotations
  else delete object.metadata.annotations
  return object
}

function outOfAnnotation(object: KubeObject, member: string, annotation: string, value: (number: number) => unknown): KubeObject {
  const text = object.metadata.annotations?.[annotation]
  if (text === undefined) return object
  const { [annotation]: _, ...annotations } = object.metadata.annotations ?? {}
  const { annotations: __, ...metadata } = object.metadata
  return {
    ...object,
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    spec: { ...(object as WithSpec).spec, [member]: value(Number(text) || 0) },
  } as KubeObject
}

const rollback = {
  toStorage: (object: KubeObject) =>
    intoAnnotation(object, 'rollbackTo', ROLLBACK_TO, value => String((value as { revision?: number }).revision ?? 0)),
  fromStorage: (object: KubeObject) => outOfAnnotation(object, 'rollbackTo', ROLLBACK_TO, revision => ({ revision })),
}

const templateGeneration = {
  toStorage: (object: KubeObject) => intoAnnotation(object, 'templateGeneration', TEMPLATE_GENERATION, String),
  fromStorage: (object: KubeObject) => outOfAnnotation(object, 'templateGeneration', TEMPLATE_GENERATION, generation => generation),
}

// --- defaults ------------------------------------------------------------------------------------------------------------------

function extensionsDeployment(object: KubeObject): void {
  const { spec } = object as Deployment
  fromTemplateLabels(object as Deployment)
  if (spec !== undefined) {
    spec.strategy ??= {}
    spec.strategy.type ||= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate')
      spec.strategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 1, ...spec.strategy.rollingUpdate }
    // Neither was limited.
    spec.revisionHistoryLimit ??= MAX_INT32
    spec.progressDeadlineSeconds ??= MAX_INT32
  }
}

function appsV1beta1Deployment(object: KubeObject): void {
  const { spec } = object as Deployment
  fromTemplateLabels(object as Deployment)
  if (spec !== undefined) spec.revisionHistoryLimit ??= 2
}

function extensionsDaemonSet(object: KubeObject): void {
  fromTemplateLabels(object as DaemonSet)
  const { spec } = object as DaemonSet
  if (spec === undefined) return
  spec.updateStrategy ??= {}
  spec.updateStrategy.type ||= 'OnDelete'
}

function extensionsReplicaSet(object: KubeObject): void {
  fromTemplateLabels(object as ReplicaSet)
}

function appsV1beta1StatefulSet(object: KubeObject): void {
  const { spec } = object as StatefulSet
  fromTemplateLabels(object as StatefulSet)
  if (spec !== undefined) {
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ||= 'OnDelete'
  }
}

export const WORKLOADS: Readonly<Record<string, readonly VersionDefinition[]>> = {
  'apps/deployments': [
    version('Deployment', EXTENSIONS, { defaults: extensionsDeployment, ...rollback }),
    version('Deployment', { version: 'v1beta1' }, { defaults: appsV1beta1Deployment, ...rollback }),
    version('Deployment', { version: 'v1beta2' }, {}),
  ],
  'apps/daemonsets': [
    version('DaemonSet', EXTENSIONS, { defaults: extensionsDaemonSet, ...templateGeneration }),
    version('DaemonSet', { version: 'v1beta2' }, {}),
  ],
  'apps/replicasets': [
    version('ReplicaSet', EXTENSIONS, { defaults: extensionsReplicaSet }),
    version('ReplicaSet', { version: 'v1beta2' }, {}),
  ],
  'apps/statefulsets': [
    version('StatefulSet', { version: 'v1beta1' }, { defaults: appsV1beta1StatefulSet }),
    version('StatefulSet', { version: 'v1beta2' }, {}),
  ],
  'apps/controllerrevisions': ['v1beta1', 'v1beta2'].map(name => version('ControllerRevision', { version: name }, {})),
}

// --- kubectl rollout undo, as it was -------------------------------------------------------------------------------------------

interface DeploymentRollback extends KubeObject {
  name?: string
  updatedAnnotations?: Record<string, string>
  rollbackTo?: { revision?: number }
}

const DEPLOYMENTS = { group: 'apps', resource: 'deployments' }
const ATTEMPTS = 5

async function undo({ namespace, name }: ActionCall, body: KubeObject, context: RequestContext): Promise<KubeObject> {
  const { name: named, updatedAnnotations, rollbackTo } = body as DeploymentRollback
  if (named !== name) throw badRequest('name in URL does not match name in DeploymentRollback object')
  for (let attempt = 1; ; attempt++) {
    const current = await context.read.get<Deployment>(DEPLOYMENTS, namespace, name)
    if (current === undefined) throw notFound(DEPLOYMENTS, name)
    const deployment = clone(current)
    deployment.metadata.annotations = {
      ...deployment.metadata.annotations,
      ...updatedAnnotations,
      [ROLLBACK_TO]: String(rollbackTo?.revision ?? 0),
    }
    try {
      if (!context.dryRun) await context.client.update(DEPLOYMENTS, deployment)
      return success(201)
    } catch (error) {
      if (attempt >= ATTEMPTS || !isStatus(error, 'Conflict')) throw error
    }
  }
}

const OLD_APIS = ['extensions/v1beta1', 'apps/v1beta1']

/** The controller does it when it sees the annotation. */
export const rollbackAction: Action = {
  kind: { ...EXTENSIONS, kind: 'DeploymentRollback' },
  servedIn: OLD_APIS,
  verbs: ['create'],
  accepts: OLD_APIS.map(apiVersion => {
    const [group = '', name = ''] = apiVersion.split('/')
    return { group, version: name, kind: 'DeploymentRollback', schema: `io.k8s.api.${group}.${name}.DeploymentRollback` }
  }),
  create: undo,
}
