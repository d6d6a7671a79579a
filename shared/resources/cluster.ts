// Cluster: another cluster in the same deployment (docs/clusters.md). A kind of our own, served by the default cluster alone.
import type { Cluster } from '../api/zeroplane/v1alpha1.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { type Action, defineResource, type ResourceDefinition } from '../apimachinery/resource.ts'
import { clusterId, clusterPath } from '../cluster-name.ts'
import { age, columns } from './printers/text.ts'
import { collect, keep, specChanged } from './strategy.ts'
import { type Errors, positive } from './validation/checks.ts'

/** The name is in every key of the store, and in what tasks are called. */
const MAX_NAME = 32
const FINALIZER = 'zeroplane.dev/cluster'

export interface ClusterKindOptions {
  /** Name of the default cluster, which no object stands for. */
  readonly taken?: string
  /** clusters/token: credentials for the cluster. */
  readonly token?: Action
}

function validate({ spec }: Cluster, errors: Errors): void {
  const { ttlSecondsAfterCreation } = spec ?? {}
  if (ttlSecondsAfterCreation !== undefined) positive(ttlSecondsAfterCreation, 'spec.ttlSecondsAfterCreation', errors)
}

export function cluster({ taken = 'default', token }: ClusterKindOptions = {}): ResourceDefinition {
  return defineResource<Cluster>({
    group: 'zeroplane.dev',
    resource: 'clusters',
    singular: 'cluster',
    kind: 'Cluster',
    namespaced: false,
    // One at a time: nobody deletes all clusters by a slip of the hand.
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    versions: [{ version: 'v1alpha1', storage: true, schema: 'dev.zeroplane.v1alpha1.Cluster' }],
    validateName: name => [
      ...isDNS1123Label(name),
      ...(name.length > MAX_NAME ? [`must be no more than ${MAX_NAME} characters`] : []),
      ...(name === taken ? ['is the name of the default cluster'] : []),
    ],
    generation: specChanged,
    prepareForCreate(object) {
      object.status = { phase: 'Active' }
      const { finalizers = [] } = object.metadata
      // From the first moment: whatever was written into the cluster is deleted before its object is.
      object.metadata.finalizers = [...finalizers.filter(name => name !== FINALIZER), FINALIZER]
    },
    prepareForUpdate(object, old) {
      keep(object, old, 'status')
    },
    validate: object => collect(errors => validate(object, errors)),
    validateUpdate: object => collect(errors => validate(object, errors)),
    deletion: {
      returnsObject: true,
      prepare(object) {
        object.status = { ...object.status, phase: 'Terminating' }
      },
    },
    parts: { status: {} },
    ...(token !== undefined && { actions: { token } }),
    selectableFields: { 'status.phase': object => object.status?.phase ?? '' },
    columns: columns('Name, Status, Path, Age'),
    cells: (object, now) => [object.metadata.name, object.status?.phase ?? '', clusterPath(clusterId(object.metadata)), age(object, now)],
  })
}
