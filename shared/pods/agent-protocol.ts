// The one call between a pod's agent and the control plane:
//
//   POST /zeroplane/agent/v1/sync        Authorization: Bearer <the agent's token>
//   Report -> Orders                     application/json both ways
//
// Both sides are level-based. A report is the whole state of the pod as the agent sees it now, never a difference; orders are
// what the agent shall bring about, never a step. So a report or an answer that is lost, repeated or late does no harm:
//
//   agent   : report 7 (running) ---x lost        report 8 (running, ready) -->   nothing is missing: 8 says all of it
//   agent   : report 7 -> recorded, answer lost;  report 8 = the same state  -->   same status, hence no write
//   agent   : report 7 (not ready) is slow;       report 8 (ready) recorded, then 7 arrives: `sequence` 7 < 8, not looked at
//
// `sequence` grows by one with each report of one agent process. The control plane keeps the last one that changed the pod in
// the annotation zeroplane.dev/agent, together with the launch it belongs to: a report of an older launch, or an older one of
// the same launch, changes nothing and is answered as usual. Events carry ids of their own and are sent until acknowledged; one
// that arrives twice is counted twice at worst, which is what Kubernetes promises for events.
//
// The token is good for one launch of one pod and nothing else (agent-token.ts). Statuses, all with a metav1.Status as body:
//   401  no or a bad token: the agent tries again, slower and slower
//   410  the pod is gone, or another launch has taken its place: the agent ends every container at once and leaves
//   413  the report is larger than REPORT_LIMIT
//   5xx  try again with back-off
import type { ContainerState, Lifecycle, Probe } from '../api/core/v1.ts'
import type { KnownServices, ServiceNews } from './services/protocol.ts'

export const SYNC_PATH = '/zeroplane/agent/v1/sync'

/**
 * Response header "<sequence> <event id>": this report is recorded, and events up to that id are. A header, because it goes out before
 * a held answer does, so that an agent which gives up on the held call knows that it need not say it all again.
 */
export const ACKNOWLEDGED_HEADER = 'zeroplane-acknowledged'

/** Bytes. A report of ten containers with full termination messages is below 64 KB. */
export const REPORT_LIMIT = 256 * 1024

/** Bytes of a termination message, as upstream bounds it (all containers of a pod together may have 12 KiB there; here each one 4 KiB). */
export const TERMINATION_MESSAGE_LIMIT = 4096

/** One container as the agent sees it. Names are unique among init, sidecar and app containers of a pod. */
export interface ContainerReport {
  readonly name: string
  /** Times are RFC 3339 with whole seconds, by the agent's clock. */
  readonly state: ContainerState
  readonly lastState?: ContainerState
  readonly restartCount: number
  /** The startup probe has passed (or there is none) and postStart is done. */
  readonly started: boolean
  /** The readiness probe passes, or there is none and the container is started. */
  readonly ready: boolean
  /** Of the attempt that runs or ran last: "ecs://<task id>/<container>/<attempt>"; the log reader finds it by this. */
  readonly containerID?: string
}

/** Something to be shown as a core/v1 Event on the pod. */
export interface AgentEvent {
  /** Grows by one with each event of one agent process. */
  readonly id: number
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** The container it is about, for involvedObject.fieldPath. */
  readonly container?: string
}

/** Use of one container since the last report, for metrics.k8s.io. */
export interface ContainerUsage {
  readonly name: string
  /** CPU in use over the window, in billionths of a core. */
  readonly nanoCores: number
  /** Working set: memory in use less the inactive file cache. Bytes. */
  readonly memoryBytes: number
}

export interface Usage {
  /** End of the window, RFC 3339. */
  readonly timestamp: string
  readonly windowSeconds: number
  readonly containers: readonly ContainerUsage[]
}

export interface Report {
  readonly sequence: number
  /** Made up by the agent when it starts; one agent is one task. Absent in reports of agents that are older. */
  readonly agent?: string
  /** From the task metadata endpoint (version 4), where there is one. */
  readonly taskArn?: string
  /** The pod's addresses as the agent finds them on its interfaces, IPv4 first. */
  readonly podIPs: readonly string[]
  /** Empty until the first plan has come. */
  readonly containers: readonly ContainerReport[]
  /** Not yet acknowledged, oldest first. */
  readonly events: readonly AgentEvent[]
  readonly usage?: Usage
  /** Version of the plan that the agent has, for people who debug; absent before the first. */
  readonly plan?: string
  /** A container is about to start and wants environment and configuration as of now. */
  readonly wantsPlan: boolean
  /** Present when the agent wants to know whether what it wrote into volumes still holds (PodVolumes). */
  readonly volumes?: VolumesAsked
  /** The pod is to fail with reason Evicted and this message: a volume has grown beyond its limit. */
  readonly evicted?: string
  /** Every container has ended for good; the agent leaves when this report is acknowledged. */
  readonly finished: boolean
  /** The Services it asks for, with the versions it has (services/protocol.ts). Absent: it wants none. */
  readonly services?: KnownServices
}

export interface VolumesAsked {
  /** Of the files that the agent has; empty: it has none yet. */
  readonly version: string
  /** Tokens among them come to their end. */
  readonly renew: boolean
}

/** One file of a volume that the agent writes. */
export interface VolumeFile {
  /** Below the volume's root; neither absolute nor with "..". */
  readonly path: string
  /** base64. */
  readonly content: string
  /** Permission bits. */
  readonly mode: number
  /** Owner; root unless told. */
  readonly user?: number
}

/** A volume of type configMap, secret, projected or downwardAPI. */
export interface WrittenVolume {
  readonly name: string
  /** Where it is mounted: volumePath(folder). A folder of it that has a mount of its own stands here as another volume of that name. */
  readonly folder: string
  readonly files: readonly VolumeFile[]
  /** Why it cannot be set up now, in kubelet's words: then no container starts, and what was written before stays. */
  readonly problem?: string
}

/** The answer to VolumesAsked. */
export interface PodVolumes {
  /** Changes with every file but tokens, which are new each time. */
  readonly version: string
  /** Absent: as the agent has them. */
  readonly volumes?: readonly WrittenVolume[]
  /** fsGroup: the files' group, which may read them. */
  readonly group?: number
  /** When to ask again whether something has changed. Absent: nothing can. */
  readonly refreshAfterSeconds?: number
  /** When to ask for new tokens. Absent: there are none. */
  readonly renewAfterSeconds?: number
}

/** Where a container stands in the pod's order: init containers one after another, sidecars with them and on, then the apps at once. */
export type ContainerRole = 'init' | 'sidecar' | 'app'

/** What the agent needs to know to run one container. Everything is resolved: no references, no $(VAR). */
export interface ContainerPlan {
  readonly name: string
  readonly role: ContainerRole
  /** As the pod's author wrote it, for events. */
  readonly image: string
  /** spec.command and spec.args with every $(VAR) replaced; where absent, the image's ENTRYPOINT and CMD stand (ImageDefaults). */
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  /** Set over what the image sets. Later entries win. */
  readonly env: readonly { readonly name: string; readonly value: string }[]
  /** Why this container cannot be started now, e.g. `configmap "x" not found`: it waits with CreateContainerConfigError. */
  readonly configError?: string
  /** Single files of written volumes (subPath), which no task can mount: copied to their place before the process starts. */
  readonly files?: readonly PlacedFile[]
  /** lifecycle.stopSignal; absent: the image's, or SIGTERM. */
  readonly stopSignal?: string
  readonly terminationMessagePath: string
  readonly terminationMessagePolicy: 'File' | 'FallbackToLogsOnError'
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly lifecycle?: Lifecycle
  /** Clients may attach, and type; the process' input is held open for them, for the first one alone with stdinOnce. */
  readonly stdin?: boolean
  readonly stdinOnce?: boolean
  readonly tty?: boolean
  /** Named ports, for probes and hooks that name one. */
  readonly ports: readonly { readonly name?: string; readonly containerPort: number }[]
  /** From an earlier launch of the same pod, so that counting goes on. */
  readonly restartCount: number
  readonly lastState?: ContainerState
  /** State at the end of an earlier launch, when it must not run again (an init container that is done, a container that ended for good). */
  readonly done?: ContainerState
}

/** An emptyDir that may hold so much. */
export interface DiskLimit {
  readonly volume: string
  /** Where it is mounted, all of it: volumePath(folder). */
  readonly folders: readonly string[]
  readonly bytes: number
  /** As the pod's author wrote it. */
  readonly limit: string
}

export interface PlacedFile {
  /** Name of the volumeMount, for messages. */
  readonly volume: string
  /** The file is volumePath(folder) + "/" + path. */
  readonly folder: string
  readonly path: string
  readonly mountPath: string
}

export interface PodPlan {
  /** Changes whenever anything in the plan does. */
  readonly version: string
  /** The task that this is, where the agent could not find out itself. */
  readonly taskArn?: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never'
  readonly terminationGracePeriodSeconds: number
  /** In the pod's order. */
  readonly containers: readonly ContainerPlan[]
  readonly diskLimits?: readonly DiskLimit[]
  readonly network: NetworkPlan
}

/** What the containers' /etc/resolv.conf and /etc/hosts say, and where the agent stands in for the cluster. */
export interface NetworkPlan {
  /** Where the agent answers DNS: an address of the pod's loopback. */
  readonly dnsAddress: string
  /** dnsPolicy. Default: what the network gives. */
  readonly dnsPolicy: 'ClusterFirst' | 'Default' | 'None'
  /** dnsConfig */
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  /** "ndots:2" */
  readonly options: readonly string[]
  readonly hostname: string
  /** Name below the cluster's domain, of a pod that has a subdomain. */
  readonly fqdn?: string
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[]
  /** Where clients in the pod find the API (KUBERNETES_SERVICE_HOST and _PORT). */
  readonly api: {
    readonly address: string
    readonly port: number
    /** What to show to clients there (PEM); absent: the API's own certificate is good for that address. */
    readonly certificate?: { readonly cert: string; readonly key: string }
  }
}

export interface Deletion {
  /** As the last delete asked for. */
  readonly gracePeriodSeconds: number
  /** How much of it is left, by the control plane's clock. 0 or less: kill. */
  readonly secondsLeft: number
  /** Why, for `Stopping container` events: "deleted" or "deadline" (activeDeadlineSeconds). */
  readonly reason: 'deleted' | 'deadline'
}

export interface Orders {
  /** Present when the agent asked for it. */
  readonly plan?: PodPlan
  /** Present when the agent asked for it. */
  readonly volumes?: PodVolumes
  readonly deletion?: Deletion
  /** When to report again if nothing happens in the pod before that. What happens in the pod is reported at once. */
  readonly syncAfterSeconds: number
  /**
   * So long the next call may be held open by the control plane, until the pod changes. 0: it answers at once. The agent gives up on
   * a held call when it has something to say.
   */
  readonly holdSeconds: number
  /** Base URL of the gateway, where sessions for this pod may wait (tunnel-protocol.ts); absent: there is none. */
  readonly gateway?: string
  /** Services that are not as the report says. */
  readonly services?: ServiceNews
}

/** Names in the agent's environment, set by the launcher. */
export const AGENT_ENV = {
  /** https://host[:port], without a path. */
  url: 'ZEROPLANE_URL',
  token: 'ZEROPLANE_TOKEN',
  /** PEM of the CA that signed the API's certificate; absent: the public ones. */
  ca: 'ZEROPLANE_CA',
  /** JSON, by container: ImageDefaults. Stands in the task definition, which pins the images anyway. */
  images: 'ZEROPLANE_IMAGES',
} as const

/** What an image says about its process, and a holder in its place would hide. */
export interface ImageDefaults {
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly stopSignal?: string
  /** EXPOSE: ports that the process most likely listens on. */
  readonly ports?: readonly number[]
  /** The machine has it: nothing is downloaded when the task starts. */
  readonly present?: true
}

/** Where a container's volume of fifos is mounted: in the container itself, and in the agent. */
export const HOLDER_PATH = '/.zeroplane'
export const agentPath = (container: string) => `/pod/${container}`
/** Where a volume is mounted in setup, which gives it its mode and group, and in the agent, which writes it. */
export const volumePath = (folder: string) => `/volumes/${folder}`
