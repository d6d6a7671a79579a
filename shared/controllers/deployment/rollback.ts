// The rollback that extensions/v1beta1 had: an annotation asks for a revision (0 is the one before), and is taken away when it is done.
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { DEPLOYMENTS } from '../collections.ts'
import { sameTemplate } from '../pods.ts'
import type { ControllerContext } from '../types.ts'
import { isCopied, ROLLBACK_TO, revisionOf, TEMPLATE_HASH } from './revisions.ts'

/** The revision that the annotation asks for; what is no number asks for nothing. */
export function rollbackRevision({ metadata }: Deployment): number | undefined {
  const text = metadata.annotations?.[ROLLBACK_TO]
  return text !== undefined && /^[-+]?\d+$/.test(text) ? Number(text) : undefined
}

export async function rollBack(
  deployment: Deployment,
  asked: number,
  sets: readonly ReplicaSet[],
  { client, events }: ControllerContext,
): Promise<undefined> {
  const { [ROLLBACK_TO]: _, ...annotations } = deployment.metadata.annotations ?? {}
  const wanted = asked || (sets.map(revisionOf).sort((a, b) => b - a)[1] ?? 0)
  const set = wanted === 0 ? undefined : sets.find(candidate => revisionOf(candidate) === wanted)
  const undone: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } }
  const name = deployment.metadata.name
  let event: [type: 'Normal' | 'Warning', reason: string, message: string]
  if (set === undefined) {
    const message = wanted === 0 ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.'
    event = ['Warning', 'DeploymentRollbackRevisionNotFound', message]
  } else if (sameTemplate(set.spec.template!, deployment.spec.template)) {
    event = [
      'Warning',
      'DeploymentRollbackTemplateUnchanged',
      `The rollback revision contains the same template as current deployment "${name}"`,
    ]
  } else {
    const template = structuredClone(set.spec.template!)
    delete template.metadata?.labels?.[TEMPLATE_HASH]
    undone.spec = { ...deployment.spec, template }
    undone.metadata.annotations = annotationsAt(set, annotations)
    event = ['Normal', 'DeploymentRollback', `Rolled back deployment "${name}" to revision ${wanted}`]
  }
  await client.update<Deployment>(DEPLOYMENTS, undone)
  void events.event(deployment, ...event)
  return undefined
}

/** The annotations that the Deployment had at the revision (its change-cause, say), beside those that are not for ReplicaSets. */
function annotationsAt(set: ReplicaSet, now: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(now).filter(([name]) => !isCopied(name))
  const then = Object.entries(set.metadata.annotations ?? {}).filter(([name]) => isCopied(name))
  return Object.fromEntries([...kept, ...then])
}
