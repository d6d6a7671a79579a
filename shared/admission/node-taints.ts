// Pods tolerate nodes that are gone for five minutes; nodes begin as not ready.
import type { Node, Pod, Toleration } from '../api/core/v1.ts'
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { concerns, objectOf } from './attributes.ts'

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'
const TOLERATED_SECONDS = 300

const tolerates = (tolerations: readonly Toleration[], key: string) =>
  tolerations.some(toleration => (toleration.key === key || !toleration.key) && (toleration.effect === 'NoExecute' || !toleration.effect))

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate(attributes) {
    if (!concerns(attributes, '', 'pods', 'CREATE', 'UPDATE')) return
    const { spec } = objectOf<Pod>(attributes)
    if (spec === undefined) return
    const tolerations = spec.tolerations ?? []
    const added = [NOT_READY, UNREACHABLE]
      .filter(key => !tolerates(tolerations, key))
      .map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATED_SECONDS }))
    if (added.length > 0) spec.tolerations = [...tolerations, ...added]
  },
}

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate(attributes) {
    if (!concerns(attributes, '', 'nodes', 'CREATE')) return
    const node = objectOf<Node>(attributes)
    const taints = node.spec?.taints ?? []
    if (taints.some(({ key, effect }) => key === NOT_READY && effect === 'NoSchedule')) return
    node.spec = { ...node.spec, taints: [...taints, { key: NOT_READY, effect: 'NoSchedule' }] }
  },
}
