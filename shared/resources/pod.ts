import type { Pod } from '../api/core/v1.ts'
import { equal } from '../apimachinery/objects.ts'
import { type Action, defineResource, type ResourceDefinition } from '../apimachinery/resource.ts'
import { bindPodAt, UNGUARDED } from './pod/bind.ts'
import { POD_COLUMNS, podCells, podRowConditions } from './pod/cells.ts'
import { evictPod } from './pod/evict.ts'
import { ephemeralContainers, resize } from './pod/parts.ts'
import { dropUnsupported, mirrorServiceAccount, preparePodForCreate } from './pod/prepare.ts'
import { normalizePodIPs, podStatusWarnings, preparePodStatus, validatePodStatus } from './pod/status.ts'
import { type PodStreams, streamActions } from './pod/streams.ts'
import { validatePodCreate, validatePodUpdate } from './pod/validate.ts'
import { defaultPod } from './pod-spec/defaults.ts'
import { podWarnings } from './pod-spec/warnings.ts'
import { collect, keep } from './strategy.ts'

const OBSOLETE_ANNOTATIONS = ['init-containers', 'init-container-statuses'].flatMap(name => [
  `pod.beta.kubernetes.io/${name}`,
  `pod.alpha.kubernetes.io/${name}`,
])

function defaults(pod: Pod): void {
  defaultPod(pod)
  const { spec } = pod
  if (spec !== undefined && (spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1
  for (const key of OBSOLETE_ANNOTATIONS) delete pod.metadata.annotations?.[key]
  normalizePodIPs(pod)
}

const POLICY = 'policy'

const eviction: Action = {
  kind: { group: POLICY, version: 'v1', kind: 'Eviction' },
  verbs: ['create'],
  accepts: [
    { group: POLICY, version: 'v1', kind: 'Eviction', schema: 'io.k8s.api.policy.v1.Eviction' },
    { group: POLICY, version: 'v1beta1', kind: 'Eviction', schema: 'io.k8s.api.policy.v1.Eviction' },
  ],
  create: ({ namespace, name }, body, context) => evictPod(namespace, name, body, context),
}

const binding: Action = {
  kind: { group: '', version: 'v1', kind: 'Binding' },
  verbs: ['create'],
  accepts: [{ group: '', version: 'v1', kind: 'Binding', schema: 'io.k8s.api.core.v1.Binding' }],
  create: ({ namespace, name }, body, context) => bindPodAt(namespace, name, body, context),
}

/** Pods get their node by binding, which is no change of what was asked for. */
const asked = ({ spec }: Pod) => ({ ...spec, nodeName: undefined })

export const pod = (streams: PodStreams): ResourceDefinition =>
  defineResource<Pod>({
    group: '',
    resource: 'pods',
    singular: 'pod',
    kind: 'Pod',
    namespaced: true,
    metadataOnUpdate: 'both',
    shortNames: ['po'],
    categories: ['all'],
    versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Pod', defaults: object => defaults(object as Pod) }],
    generation: (object, old) => !equal(asked(object), asked(old)),
    prepareForCreate: preparePodForCreate,
    prepareForUpdate(object, old) {
      keep(object, old, 'status')
      if (object.spec === undefined) return
      dropUnsupported(object.spec)
      mirrorServiceAccount(object.spec)
    },
    validate: object => collect(errors => validatePodCreate(object, errors)),
    validateUpdate: (object, old) => collect(errors => validatePodUpdate(object, old, errors)),
    warnings: (object, old) => (old === undefined ? podWarnings(object) : []),
    deletion: {
      returnsObject: true,
      gracePeriod({ spec, status }, requested) {
        if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0
        const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0
        return seconds < 0 ? 1 : seconds
      },
    },
    parts: {
      ephemeralcontainers: ephemeralContainers,
      resize,
      status: {
        prepare: preparePodStatus,
        validate: (object, old) => collect(errors => validatePodStatus(object, old, errors)),
        warnings: object => podStatusWarnings(object),
      },
      [UNGUARDED]: { internal: true, prepare() {}, validate: () => [] },
    },
    actions: { ...streamActions(streams), binding, eviction },
    columns: POD_COLUMNS,
    cells: podCells,
    rowConditions: podRowConditions,
    selectableFields: {
      'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
      'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
      'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
      'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
      'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
      'status.phase': ({ status }) => status?.phase ?? '',
      'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
      // Known to upstream, and never set.
      'status.podIPs': () => '',
      'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
    },
    selectorAliases: { 'spec.host': 'spec.nodeName' },
  })
