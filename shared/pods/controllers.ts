// The controllers of this folder. What they need of AWS is made when one of them first works: dispatch and tick only ask what they watch.
import type { Controller, ControllerContext } from '../controllers/types.ts'
import type { AccessPoints } from '../controllers/volumes/access-points.ts'
import { agentKey } from './agent-token.ts'
import { dnsServiceController } from './dns-service.ts'
import type { Ecs } from './ecs.ts'
import type { ImageLookup } from './images/lookup.ts'
import { podLauncher } from './launcher.ts'
import { nodeSync } from './nodes.ts'
import type { PodSettings } from './settings.ts'
import type { IsThere } from './sweep.ts'

export interface PodServices {
  readonly ecs: Ecs
  readonly images: Pick<ImageLookup, 'find'>
  readonly accessPoints: () => Promise<AccessPoints>
  readonly settings: PodSettings
  /** Whether another cluster of the deployment is still there. Default: each is. */
  readonly isThere?: IsThere
  /** Of the nodes' kubelet, as `kubectl get nodes` shows it. */
  readonly version: string
}

/** Their watches alone. */
export const podWatches = podControllers(() => {
  throw new Error('pods are not launched from here')
})

/** One set per cluster: the launcher remembers what it launched. */
export function podControllers(services: () => PodServices): readonly Controller[] {
  let key: Promise<Buffer> | undefined
  const keyOf = ({ client }: ControllerContext) => {
    key ??= agentKey(client)
    key.catch(() => {
      key = undefined
    })
    return key
  }
  return [podLauncher(() => ({ ...services(), key: keyOf })), nodeSync(services), dnsServiceController]
}
