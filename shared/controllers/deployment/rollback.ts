// The rollback that extensions/v1beta1 had: an annotation asks for a revision (0 is the one before), and is taken away when it is done.
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { DEPLOYMENTS } from '../collections.ts'
import { sameTemplate } from '../pods.ts'
import type { ControllerContext } from '../types.ts'
import { ROLLBACK_TO, revisionOf, TEMPLATE_HASH } from './revisions.ts'

export async function rollbackTo(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  { client, events }: ControllerContext,
): Promise<undefined> {
  const { [ROLLBACK_TO]: text, ...annotations } = deployment.metadata.annotations ?? {}
  const wanted = Number(text) || sets.map(revisionOf).sort((a, b) => b - a)[1]
  const set = sets.find(candidate => wanted !== undefined && revisionOf(candidate) === wanted)
  const undone: Deployment = { ...deployment, metadata: { ...deployment.metadata, annotations } }
  const name = deployment.metadata.name
  let event: [type: 'Normal' | 'Warning', reason: string, message: string]
  if (set === undefined) event = ['Warning', 'DeploymentRollbackRevisionNotFound', 'Unable to find last revision.']
  else if (sameTemplate(set.spec.template!, deployment.spec.template)) {
    event = [
      'Warning',
      'DeploymentRollbackTemplateUnchanged',
      `The rollback revision contains the same template as current deployment "${name}"`,
    ]
  } else {
    const template = structuredClone(set.spec.template!)
    delete template.metadata?.labels?.[TEMPLATE_HASH]
    undone.spec = { ...deployment.spec, template }
    event = ['Normal', 'DeploymentRollback', `Rolled back deployment "${name}" to revision ${wanted}`]
  }
  await client.update<Deployment>(DEPLOYMENTS, undone)
  void events.event(deployment, ...event)
  return undefined
}
