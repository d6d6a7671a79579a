// What an agent needs to know to run its pod: the pod's spec with everything resolved. Made anew whenever an agent asks, from
// ConfigMaps, Secrets and Services as they are then.
import { createHash } from 'node:crypto'
import type { ConfigMap, Container, ContainerStatus, Node, Pod, Secret, Service } from '../api/core/v1.ts'
import type { Reader } from '../apimachinery/context.ts'
import { quantityValue } from '../apimachinery/quantity.ts'
import { CONFIG_MAPS, NODES, SECRETS, SERVICES } from '../controllers/collections.ts'
import type { ContainerPlan, NetworkPlan, PodPlan } from './agent-protocol.ts'
import { type PodContainer, podContainers } from './containers.ts'
import { ConfigError, expandAll, resolveEnvironment, type Sources } from './environment.ts'
import { expand } from './expand.ts'
import { asPodsSeeIt, CLUSTER_DOMAIN, hostnameOf, networkPlan } from './network-plan.ts'
import { reservedPorts } from './services/reserved-ports.ts'
import { ownPorts } from './services/view.ts'
import { emptyDirFolders, isFolderOf, isWritten, plainPath, taskVolumeName } from './volumes.ts'

const DEFAULT_MESSAGE_PATH = '/dev/termination-log'
const DEFAULT_GRACE_SECONDS = 30

export async function podPlan(
  pod: Pod,
  read: Reader,
  podIPs: readonly string[],
  certificate?: NetworkPlan['api']['certificate'],
): Promise<PodPlan> {
  const { sources, kubernetes } = await gather(pod, read, podIPs)
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const plan = {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    uid: pod.metadata.uid ?? '',
    restartPolicy: (pod.spec.restartPolicy ?? 'Always') as PodPlan['restartPolicy'],
    terminationGracePeriodSeconds: pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
    containers: podContainers(pod).map(entry =>
      containerPlan(
        pod,
        entry,
        sources,
        statuses.find(({ name }) => name === entry.container.name),
      ),
    ),
    diskLimits: diskLimits(pod),
    network: networkPlan(pod, kubernetes, certificate),
  }
  const version = createHash('sha256').update(JSON.stringify(plan)).digest('base64url').slice(0, 16)
  return { version, ...plan }
}

function containerPlan(pod: Pod, { container, role }: PodContainer, sources: Sources, status: ContainerStatus | undefined): ContainerPlan {
  const ended = status?.state?.terminated
  const { restartPolicy } = pod.spec
  // Init containers run again in a new task, as they do in a new sandbox.
  const stays = role === 'app' && ended && (restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && ended.exitCode === 0))
  const base = {
    name: container.name,
    role,
    image: container.image ?? '',
    stopSignal: container.lifecycle?.stopSignal,
    terminationMessagePath: container.terminationMessagePath ?? DEFAULT_MESSAGE_PATH,
    terminationMessagePolicy: (container.terminationMessagePolicy ?? 'File') as ContainerPlan['terminationMessagePolicy'],
    startupProbe: container.startupProbe,
    livenessProbe: container.livenessProbe,
    readinessProbe: container.readinessProbe,
    lifecycle: container.lifecycle,
    stdin: container.stdin || undefined,
    stdinOnce: container.stdinOnce || undefined,
    tty: container.tty || undefined,
    ports: (container.ports ?? []).map(({ name, containerPort }) => ({ name, containerPort })),
    restartCount: status?.restartCount ?? 0,
    lastState: status?.lastState?.terminated ? status.lastState : undefined,
    done: stays ? status.state : undefined,
  }
  try {
    const env = variablesOf(pod, container, sources)
    return {
      ...base,
      files: placedFiles(pod, container, env),
      env,
      command: expandAll(container.command, env),
      args: expandAll(container.args, env),
    }
  } catch (error) {
    if (error instanceof ConfigError) return { ...base, env: [], configError: error.message }
    throw error
  }
}

/** In memory the file system itself is no larger. */
function diskLimits(pod: Pod): PodPlan['diskLimits'] {
  const limits = (pod.spec.volumes ?? []).flatMap(({ name, emptyDir }) => {
    const bytes = emptyDir?.medium === 'Memory' ? 0 : quantityValue(emptyDir?.sizeLimit ?? 0)
    return bytes > 0 ? [{ volume: name, folders: emptyDirFolders(pod, name), bytes, limit: String(emptyDir!.sizeLimit) }] : []
  })
  return limits.length === 0 ? undefined : limits
}

/** Mounts of single files. */
function placedFiles(pod: Pod, { volumeMounts = [] }: Container, env: ContainerPlan['env']): ContainerPlan['files'] {
  const variables = new Map(env.map(({ name, value }) => [name, value]))
  const files = volumeMounts.flatMap(({ name, mountPath, subPath = '', subPathExpr }) => {
    const volume = pod.spec.volumes?.find(one => one.name === name)
    const path = plainPath(subPathExpr ? expand(subPathExpr, variables) : subPath)
    if (path === '' || !volume || !isWritten(volume) || isFolderOf(volume, path)) return []
    return [{ volume: name, folder: taskVolumeName(pod, name), path, mountPath }]
  })
  return files.length === 0 ? undefined : files
}

const variablesOf = (pod: Pod, container: Container, sources: Sources) => [
  { name: 'HOSTNAME', value: hostnameOf(pod) },
  ...resolveEnvironment(pod, container, sources),
]

/** One container's environment before its pod has addresses. @throws ConfigError */
export async function environmentOf(pod: Pod, container: Container, read: Reader): Promise<ContainerPlan['env']> {
  const { sources } = await gather(pod, read, [])
  return variablesOf(pod, container, sources)
}

/** Everything that the containers refer to, read strongly and at once. */
async function gather(pod: Pod, read: Reader, podIPs: readonly string[]): Promise<{ sources: Sources; kubernetes: Service | undefined }> {
  const { namespace = '' } = pod.metadata
  const configMaps = new Map<string, ConfigMap | undefined>()
  const secrets = new Map<string, Secret | undefined>()
  for (const { container } of podContainers(pod)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (configMapRef?.name) configMaps.set(configMapRef.name, undefined)
      if (secretRef?.name) secrets.set(secretRef.name, undefined)
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef?.name) configMaps.set(valueFrom.configMapKeyRef.name, undefined)
      if (valueFrom?.secretKeyRef?.name) secrets.set(valueFrom.secretKeyRef.name, undefined)
    }
  }
  const [services, kubernetes, node] = await Promise.all([
    pod.spec.enableServiceLinks === false ? [] : read.list<Service>(SERVICES, namespace),
    read.get<Service>(SERVICES, 'default', 'kubernetes'),
    pod.spec.nodeName ? read.get<Node>(NODES, undefined, pod.spec.nodeName) : undefined,
    ...[...configMaps.keys()].map(async name => configMaps.set(name, await read.get<ConfigMap>(CONFIG_MAPS, namespace, name))),
    ...[...secrets.keys()].map(async name => secrets.set(name, await read.get<Secret>(SECRETS, namespace, name))),
  ])
  const own = services.filter(({ metadata }) => metadata.namespace !== 'default' || metadata.name !== 'kubernetes')
  const reachable = asReached(own, pod)
  const sources = {
    configMap: (name: string) => configMaps.get(name),
    secret: (name: string) => secrets.get(name),
    services: kubernetes ? [asPodsSeeIt(kubernetes), ...reachable] : reachable,
    node: { hostIP: pod.status?.hostIP, allocatable: node?.status?.allocatable },
    podIPs,
  }
  return { sources, kubernetes }
}

/**
 * The address of a Service is not reached from a pod that listens on the Service's port itself (agent/network): there its variables have its
 * name, which leads to its pods.
 */
function asReached(services: readonly Service[], pod: Pod): readonly Service[] {
  if (pod.spec.dnsPolicy === 'Default' || pod.spec.dnsPolicy === 'None') return services
  const containers = podContainers(pod).map(({ container }) => container)
  const taken = reservedPorts(
    containers,
    () => [],
    services.flatMap(service => ownPorts(service, pod) ?? []),
  )
  return services.map(service => {
    const { clusterIP, ports = [] } = service.spec ?? {}
    if (!clusterIP || clusterIP === 'None' || !ports.some(({ port }) => taken.has(port))) return service
    const { name, namespace } = service.metadata
    return { ...service, spec: { ...service.spec, clusterIP: `${name}.${namespace}.svc.${CLUSTER_DOMAIN}` } }
  })
}
