// What an agent knows of Services, as a part of the sync call (agent-protocol.ts): a report names every Service that the agent asks for with
// the version it has, the orders carry those that differ from that. Nothing is a step, so nothing that is lost or repeated does harm:
//
//   agent : { "default/web": "a1", "other/db": "" } -->                 "" = asked for, nothing known yet
//   answer: { "other/db": {version: "k7", ...} }                        "default/web" is still at a1
//   agent : { "default/web": "a1", "other/db": "k7" } -->
//   answer: { "default/web": null }                                     it is gone
//   agent : { "default/web": "-", "other/db": "k7" } -->                held until one of them changes
//
// Without being asked, the control plane adds the Services of the pod's own namespace: all of them where the pod has their variables
// (enableServiceLinks), otherwise those that select it.

/** Version of what is known not to exist. */
export const ABSENT = '-'
/** Version of what is asked for and not known yet. */
export const UNKNOWN = ''

export interface ServicePortView {
  readonly name: string
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
}

export interface EndpointView {
  readonly address: string
  /** Its own name below the Service's (StatefulSets). */
  readonly hostname?: string
}

/** Endpoints that have the same ports. A port's name is that of the Service's port. */
export interface EndpointGroup {
  readonly ports: readonly ServicePortView[]
  readonly endpoints: readonly EndpointView[]
}

/** A port of the Service on this very pod, which it selects. */
export interface OwnPort {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly target: number
}

export interface ServiceView {
  /** Changes with everything below. */
  readonly version: string
  /** None: headless, or a name for something else. */
  readonly clusterIPs: readonly string[]
  readonly externalName?: string
  readonly ports: readonly ServicePortView[]
  /** sessionAffinity ClientIP. */
  readonly affinitySeconds?: number
  /** Those that traffic may go to from this pod. */
  readonly groups: readonly EndpointGroup[]
  /** Present when the Service selects this pod. */
  readonly own?: readonly OwnPort[]
  /** It shows pods that are not ready: nobody waits for one to leave it. */
  readonly publishesNotReady?: true
}

/** By "<namespace>/<name>". */
export type KnownServices = Readonly<Record<string, string>>
export type ServiceNews = Readonly<Record<string, ServiceView | null>>
