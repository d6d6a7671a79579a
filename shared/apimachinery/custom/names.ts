// Which names a definition gets, and whether it is served: upstream's naming and establishing controllers as one pure function over
// all definitions (apiextensions-apiserver/pkg/controller/status, establish, apiapproval).
//
// Two definitions that want one name, written at the same time through two environments:
//
//   A: POST gadgets (revision 7)   sees 7       -> gadgets gets its names: compare-and-swap on 7
//   B:   POST widgets (revision 8)   sees 7, 8  -> gadgets was first: the same status for 7, and a conflict for 8
//
// Whoever decides about a definition sees every one that was written before it, and goes by the order in which they were written; so
// all come to the same answer, and whoever decided on a state that is old fails to write it.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '../../api/apiextensions/v1.ts'
import type { Stored } from '../../store/types.ts'
import { equal, formatTime } from '../objects.ts'
import { approvalOf } from './approval.ts'

type Condition = CustomResourceDefinitionCondition

export const isTrue = (status: CustomResourceDefinitionStatus | undefined, type: string): boolean =>
  status?.conditions?.some(condition => condition.type === type && condition.status === 'True') ?? false

const hasNames = ({ status }: CustomResourceDefinition) => isTrue(status, 'NamesAccepted')

/** The definitions whose status is not what it should be, with the right one. Pure. */
export function wantedStatuses(stored: readonly Stored[], now: number): CustomResourceDefinition[] {
  const all = stored.map(({ object, revision }) => ({ definition: object as CustomResourceDefinition, revision }))
  // Those who have their names keep them; the others queue up in the order in which they were written.
  const inOrder = [...all].sort((a, b) => Number(hasNames(b.definition)) - Number(hasNames(a.definition)) || a.revision - b.revision)
  const names = new Map(inOrder.map(({ definition }) => [definition, definition.status?.acceptedNames]))
  const wanted: CustomResourceDefinition[] = []
  for (const { definition } of inOrder) {
    if (definition.metadata.deletionTimestamp !== undefined) continue
    const { group } = definition.spec
    const used = [...names].flatMap(([other, accepted]) =>
      other !== definition && other.spec.group === group && accepted ? [accepted] : [],
    )
    const status = statusOf(definition, used, now)
    names.set(definition, status.acceptedNames)
    if (!equal(status, definition.status)) wanted.push({ ...definition, status })
  }
  return wanted
}

function statusOf(
  definition: CustomResourceDefinition,
  used: readonly CustomResourceDefinitionNames[],
  now: number,
): CustomResourceDefinitionStatus {
  const { spec, status, metadata } = definition
  const { acceptedNames, conflict } = decide(spec.names, status?.acceptedNames, used)
  let conditions = [...(status?.conditions ?? [])]
  const say = (condition: Omit<Condition, 'lastTransitionTime'>) => {
    conditions = withCondition(conditions, { ...condition, lastTransitionTime: formatTime(now) })
  }
  say(
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict },
  )
  if (!isTrue(status, 'Established')) {
    say(
      conflict === undefined
        ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
        : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
    )
  }
  const approval = approvalOf(spec.group, metadata.annotations)
  if (approval !== undefined) {
    say({
      type: 'KubernetesAPIApprovalPolicyConformant',
      status: approval.approved ? 'True' : 'False',
      reason: approval.reason,
      message: approval.message,
    })
  }
  return { ...status, conditions, acceptedNames }
}

/** A condition that says the same keeps its time. */
export function withCondition(conditions: readonly Condition[], condition: Condition): Condition[] {
  const known = conditions.find(({ type }) => type === condition.type)
  if (known === undefined) return [...conditions, condition]
  const same = known.status === condition.status && known.reason === condition.reason && known.message === condition.message
  const lastTransitionTime = known.status === condition.status ? known.lastTransitionTime : condition.lastTransitionTime
  return conditions.map(one => (one === known ? (same ? known : { ...condition, lastTransitionTime }) : one))
}

function decide(
  wanted: CustomResourceDefinitionNames,
  accepted: CustomResourceDefinitionNames | undefined,
  used: readonly CustomResourceDefinitionNames[],
): { acceptedNames: CustomResourceDefinitionNames; conflict: { reason: string; message: string } | undefined } {
  const resources = new Set(used.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames]))
  const kinds = new Set(used.flatMap(({ kind, listKind }) => [kind, listKind]))
  let conflict: { reason: string; message: string } | undefined
  const inUse = (name: string) => `${JSON.stringify(name)} is already in use`
  const one = (name: string | undefined, own: string | undefined, taken: ReadonlySet<string | undefined>, reason: string) => {
    if (!name || name === own || !taken.has(name)) return name
    conflict = { reason, message: inUse(name) }
    return own || undefined
  }
  const plural = one(wanted.plural, accepted?.plural, resources, 'PluralConflict') ?? ''
  const singular = one(wanted.singular, accepted?.singular, resources, 'SingularConflict')
  const taken = (wanted.shortNames ?? []).filter(name => !accepted?.shortNames?.includes(name) && resources.has(name))
  if (taken.length > 0) {
    const texts = taken.map(inUse)
    conflict = { reason: 'ShortNamesConflict', message: texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]` }
  }
  const shortNames = taken.length > 0 ? accepted?.shortNames : wanted.shortNames
  const kind = one(wanted.kind, accepted?.kind, kinds, 'KindConflict') ?? ''
  const listKind = one(wanted.listKind, accepted?.listKind, kinds, 'ListKindConflict')
  const { categories } = wanted
  return {
    acceptedNames: {
      plural,
      ...(singular ? { singular } : {}),
      ...(shortNames === undefined ? {} : { shortNames }),
      kind,
      ...(listKind ? { listKind } : {}),
      ...(categories === undefined ? {} : { categories }),
    },
    conflict,
  }
}
