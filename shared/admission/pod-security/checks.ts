// The checks of the Pod Security Standards, each from the version of Kubernetes that brought it, in upstream's order
// (k8s.io/pod-security-admission/policy).
import type { Container, PodSpec, SecurityContext } from '../../api/core/v1.ts'
import type { ObjectMeta } from '../../apimachinery/types.ts'
import { allContainers, isWindows, lists, plural, quoted, setters, withUserNamespace } from './words.ts'

export interface Violation {
  readonly reason: string
  readonly detail: string
}

export interface CheckedPod {
  readonly metadata: ObjectMeta
  readonly spec: PodSpec
}

export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** Minor version from which it holds. */
  readonly since: number
  /** The baseline check that this one takes the place of, from the same version on. */
  readonly instead?: string
  /** `minor`: the version that is asked for, at least `since`. */
  violation(pod: CheckedPod, minor: number): Violation | undefined
}

const found = (reason: string, detail: string): Violation | undefined => (detail === '' ? undefined : { reason, detail })
const named = (spec: PodSpec, wrong: (container: Container) => boolean) => allContainers(spec).filter(wrong)
const contextOf = (container: Container): SecurityContext => container.securityContext ?? {}
/** "container "a" must ...", or nothing. */
const containersDo = (containers: readonly Container[], what: string) =>
  containers.length === 0 ? '' : `${lists('container', containers)} ${what}`

const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/'

const appArmorProfile: Check = {
  id: 'appArmorProfile',
  level: 'baseline',
  since: 0,
  violation({ metadata, spec }) {
    const wrong = (type: string | undefined) => type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'
    const podType = spec.securityContext?.appArmorProfile?.type
    const containers = named(spec, one => wrong(contextOf(one).appArmorProfile?.type))
    const values = [...containers.map(one => contextOf(one).appArmorProfile?.type), ...(wrong(podType) ? [podType] : [])] as string[]
    const annotations = Object.entries(metadata.annotations ?? {})
      .filter(([key, value]) => key.startsWith(APPARMOR) && !['', 'runtime/default'].includes(value) && !value.startsWith('localhost/'))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .sort()
    const parts: string[] = []
    if (values.length > 0) parts.push(`${setters(wrong(podType), containers)} must not set AppArmor profile type to ${quoted(values)}`)
    if (annotations.length > 0) parts.push(`${plural('annotation', annotations.length)} ${annotations.join(', ')}`)
    const kinds = new Set(values).size + annotations.length
    return found(plural('forbidden AppArmor profile', kinds), parts.join('; '))
  },
}

const DEFAULT_CAPABILITIES = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(' '),
)

const added = (container: Container) => contextOf(container).capabilities?.add ?? []

const capabilitiesBaseline: Check = {
  id: 'capabilities_baseline',
  level: 'baseline',
  since: 0,
  violation({ spec }) {
    const wrong = named(spec, one => added(one).some(capability => !DEFAULT_CAPABILITIES.has(capability)))
    const capabilities = wrong.flatMap(added).filter(capability => !DEFAULT_CAPABILITIES.has(capability))
    return found(
      'non-default capabilities',
      containersDo(wrong, `must not include ${quoted(capabilities)} in securityContext.capabilities.add`),
    )
  },
}

const hostNamespaces: Check = {
  id: 'hostNamespaces',
  level: 'baseline',
  since: 0,
  violation: ({ spec }) =>
    found(
      'host namespaces',
      (['hostNetwork', 'hostPID', 'hostIPC'] as const)
        .filter(member => spec[member])
        .map(member => `${member}=true`)
        .join(', '),
    ),
}

const hostPathVolumes: Check = {
  id: 'hostPathVolumes',
  level: 'baseline',
  since: 0,
  violation({ spec }) {
    const volumes = (spec.volumes ?? []).filter(volume => volume.hostPath !== undefined)
    return found('hostPath volumes', volumes.length === 0 ? '' : lists('volume', volumes))
  },
}

const uses = (containers: readonly unknown[]) => (containers.length === 1 ? 'uses' : 'use')

const hostPorts: Check = {
  id: 'hostPorts',
  level: 'baseline',
  since: 0,
  violation({ spec }) {
    const portsOf = (container: Container) => (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []))
    const wrong = named(spec, one => portsOf(one).length > 0)
    const ports = [...new Set(wrong.flatMap(portsOf))].sort()
    return found('hostPort', containersDo(wrong, `${uses(wrong)} ${plural('hostPort', ports.length)} ${ports.join(', ')}`))
  },
}

const hostProbes: Check = {
  id: 'hostProbesAndhostLifecycle',
  level: 'baseline',
  since: 34,
  violation({ spec }) {
    const hostsOf = (container: Container): string[] => {
      const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
      return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
        .flatMap(handler => [handler?.httpGet?.host, handler?.tcpSocket?.host])
        .filter(host => host !== undefined && host !== '') as string[]
    }
    const wrong = named(spec, one => hostsOf(one).length > 0)
    const hosts = [...new Set(wrong.flatMap(hostsOf))]
    return found(
      'probe or lifecycle host',
      containersDo(wrong, `${uses(wrong)} probe or lifecycle ${plural('host', hosts.length)} ${quoted(hosts)}`),
    )
  },
}

const privileged: Check = {
  id: 'privileged',
  level: 'baseline',
  since: 0,
  violation: ({ spec }) =>
    found(
      'privileged',
      containersDo(
        named(spec, one => contextOf(one).privileged === true),
        'must not set securityContext.privileged=true',
      ),
    ),
}

function procMounts({ spec }: CheckedPod): Violation | undefined {
  const wrong = named(spec, one => !['', 'Default'].includes(contextOf(one).procMount ?? ''))
  const values = wrong.map(one => contextOf(one).procMount as string)
  return found('procMount', containersDo(wrong, `must not set securityContext.procMount to ${quoted(values)}`))
}

const procMount: Check = {
  id: 'procMount',
  level: 'baseline',
  since: 0,
  violation: (pod, minor) => (withUserNamespace(pod.spec, minor) ? undefined : procMounts(pod)),
}

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t']

const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  level: 'baseline',
  since: 0,
  violation({ spec }, minor) {
    const allowed = minor >= 31 ? [...SELINUX_TYPES, 'container_engine_t'] : SELINUX_TYPES
    const wrongType = (type: string | undefined) => type !== undefined && !allowed.includes(type)
    const isWrong = (context: Pick<SecurityContext, 'seLinuxOptions'> | undefined) => {
      const { type, user, role } = context?.seLinuxOptions ?? {}
      return wrongType(type) || Boolean(user) || Boolean(role)
    }
    const pod = isWrong(spec.securityContext)
    const containers = named(spec, one => isWrong(one.securityContext))
    const options = [...(pod ? [spec.securityContext] : []), ...containers.map(contextOf)].map(context => context?.seLinuxOptions ?? {})
    if (options.length === 0) return undefined
    const types = [...new Set(options.flatMap(({ type }) => (type !== undefined && wrongType(type) ? [type] : [])))]
    const parts: string[] = []
    if (types.length > 0) parts.push(`${plural('type', types.length)} ${quoted(types)}`)
    if (options.some(({ user }) => user)) parts.push('user may not be set')
    if (options.some(({ role }) => role)) parts.push('role may not be set')
    return found('seLinuxOptions', `${setters(pod, containers)} set forbidden securityContext.seLinuxOptions: ${parts.join('; ')}`)
  },
}

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const profileOf = (context: Pick<SecurityContext, 'seccompProfile'> | undefined) => context?.seccompProfile?.type
const badProfile = (type: string | undefined) => type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'

/** Profiles that are said and are none of the two good ones. */
function forbiddenProfiles({ spec }: CheckedPod): Violation | undefined {
  const pod = badProfile(profileOf(spec.securityContext))
  const containers = named(spec, one => badProfile(profileOf(one.securityContext)))
  const values = [...(pod ? [profileOf(spec.securityContext)] : []), ...containers.map(one => profileOf(one.securityContext))]
  if (values.length === 0) return undefined
  const what = `must not set securityContext.seccompProfile.type to ${quoted(values as string[])}`
  return found('seccompProfile', `${setters(pod, containers)} ${what}`)
}

/** Before fields there were annotations. */
function seccompAnnotations({ metadata }: CheckedPod): Violation | undefined {
  const wrong = Object.entries(metadata.annotations ?? {})
    .filter(([key]) => key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER))
    .filter(([, value]) => !['runtime/default', 'docker/default'].includes(value) && !value.startsWith('localhost/'))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort()
  return found('seccompProfile', wrong.length === 0 ? '' : `forbidden ${plural('annotation', wrong.length)} ${wrong.join(', ')}`)
}

const seccompBaseline: Check = {
  id: 'seccompProfile_baseline',
  level: 'baseline',
  since: 0,
  violation: (pod, minor) => (minor < 19 ? seccompAnnotations(pod) : forbiddenProfiles(pod)),
}

/** By the version that allowed them. */
const SYSCTLS: readonly [minor: number, names: readonly string[]][] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.ip_unprivileged_port_start',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [29, ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes']],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
]

const sysctls: Check = {
  id: 'sysctls',
  level: 'baseline',
  since: 0,
  violation({ spec }, minor) {
    const allowed = SYSCTLS.filter(([since]) => since <= minor).flatMap(([, names]) => names)
    const wrong = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter(name => !allowed.includes(name))
    return found('forbidden sysctls', wrong.join(', '))
  },
}

const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  level: 'baseline',
  since: 0,
  violation({ spec }) {
    const pod = spec.securityContext?.windowsOptions?.hostProcess === true
    const containers = named(spec, one => contextOf(one).windowsOptions?.hostProcess === true)
    const who = setters(pod, containers)
    return found('hostProcess', who === '' ? '' : `${who} must not set securityContext.windowsOptions.hostProcess=true`)
  },
}

const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  level: 'restricted',
  since: 8,
  violation: ({ spec }, minor) =>
    isWindows(spec, minor)
      ? undefined
      : found(
          'allowPrivilegeEscalation != false',
          containersDo(
            named(spec, one => contextOf(one).allowPrivilegeEscalation !== false),
            'must set securityContext.allowPrivilegeEscalation=false',
          ),
        ),
}

const capabilitiesRestricted: Check = {
  id: 'capabilities_restricted',
  level: 'restricted',
  since: 22,
  instead: 'capabilities_baseline',
  violation({ spec }, minor) {
    if (isWindows(spec, minor)) return undefined
    const keeping = named(spec, one => !contextOf(one).capabilities?.drop?.includes('ALL'))
    const extra = (container: Container) => added(container).filter(capability => capability !== 'NET_BIND_SERVICE')
    const adding = named(spec, one => extra(one).length > 0)
    const parts = [
      containersDo(keeping, 'must set securityContext.capabilities.drop=["ALL"]'),
      containersDo(adding, `must not include ${quoted(adding.flatMap(extra))} in securityContext.capabilities.add`),
    ]
    return found('unrestricted capabilities', parts.filter(Boolean).join('; '))
  },
}

const procMountRestricted: Check = {
  id: 'procMount_restricted',
  level: 'restricted',
  since: 35,
  instead: 'procMount',
  violation: procMounts,
}

const VOLUME_TYPES = ['configMap', 'downwardAPI', 'emptyDir', 'projected', 'secret', 'csi', 'persistentVolumeClaim', 'ephemeral', 'image']

const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  level: 'restricted',
  since: 0,
  instead: 'hostPathVolumes',
  violation({ spec }) {
    const typesOf = (volume: object) => Object.keys(volume).filter(member => member !== 'name' && !VOLUME_TYPES.includes(member))
    const wrong = (spec.volumes ?? []).filter(volume => typesOf(volume).length > 0)
    const types = [...new Set(wrong.flatMap(typesOf))]
    if (wrong.length === 0) return undefined
    return found(
      'restricted volume types',
      `${lists('volume', wrong)} ${uses(wrong)} restricted volume ${plural('type', types.length)} ${quoted(types)}`,
    )
  },
}

const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  level: 'restricted',
  since: 0,
  violation({ spec }, minor) {
    if (withUserNamespace(spec, minor)) return undefined
    const said = spec.securityContext?.runAsNonRoot
    const explicit = named(spec, one => contextOf(one).runAsNonRoot === false)
    const who = setters(said === false, explicit)
    if (who !== '') return found('runAsNonRoot != true', `${who} must not set securityContext.runAsNonRoot=false`)
    const silent = said === true ? [] : named(spec, one => contextOf(one).runAsNonRoot === undefined)
    return found(
      'runAsNonRoot != true',
      silent.length === 0 ? '' : `pod or ${containersDo(silent, 'must set securityContext.runAsNonRoot=true')}`,
    )
  },
}

const runAsUser: Check = {
  id: 'runAsUser',
  level: 'restricted',
  since: 23,
  violation({ spec }, minor) {
    if (withUserNamespace(spec, minor)) return undefined
    const who = setters(
      spec.securityContext?.runAsUser === 0,
      named(spec, one => contextOf(one).runAsUser === 0),
    )
    return found('runAsUser=0', who === '' ? '' : `${who} must not set runAsUser=0`)
  },
}

const seccompRestricted: Check = {
  id: 'seccompProfile_restricted',
  level: 'restricted',
  since: 19,
  instead: 'seccompProfile_baseline',
  violation(pod, minor) {
    const { spec } = pod
    if (isWindows(spec, minor)) return undefined
    const forbidden = forbiddenProfiles(pod)
    if (forbidden !== undefined) return forbidden
    const silent = profileOf(spec.securityContext) === undefined ? named(spec, one => profileOf(one.securityContext) === undefined) : []
    const what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return found('seccompProfile', silent.length === 0 ? '' : `pod or ${containersDo(silent, what)}`)
  },
}

/** In the order of their names, baseline before restricted: so they are reported. */
export const CHECKS: readonly Check[] = [
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbes,
  privileged,
  procMount,
  seLinuxOptions,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  procMountRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
]
