// Security contexts of pods and containers (pkg/apis/core/validation).
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '../../api/core/v1.ts'
import { duplicate, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { accountId, addInvalid, bytes, type Errors, oneOf, relativePath, tooLong } from '../validation/checks.ts'
import { visitContainers } from './visit.ts'

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined']

export function seccompProfile(profile: SeccompProfile | undefined, field: string, errors: Errors): void {
  if (profile === undefined) return
  if (!profile.type) errors.push(required(`${field}.type`, 'type is required when seccompProfile is set'))
  else oneOf(profile.type, PROFILE_TYPES, `${field}.type`, errors)
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined)
      errors.push(required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost'))
    else relativePath(profile.localhostProfile, `${field}.localhostProfile`, errors)
  } else if (profile.localhostProfile !== undefined) {
    const printed = { Type: profile.type ?? '', LocalhostProfile: profile.localhostProfile }
    errors.push(invalid(`${field}.localhostProfile`, printed, 'can only be set when seccomp type is Localhost'))
  }
}

const MAX_PROFILE_PATH = 4095

export function appArmorProfile(profile: AppArmorProfile | undefined, field: string, errors: Errors): void {
  if (profile === undefined) return
  const name = profile.localhostProfile
  const nameField = `${field}.localhostProfile`
  if (profile.type === 'Localhost') {
    if (name === undefined || name === '') errors.push(required(nameField, 'must be set when AppArmor type is Localhost'))
    else if (name.trim() !== name) errors.push(invalid(nameField, name, 'must not be padded with whitespace'))
    if (name !== undefined && bytes(name) > MAX_PROFILE_PATH) errors.push(tooLong(nameField, MAX_PROFILE_PATH))
  } else if (!profile.type) errors.push(required(`${field}.type`, 'type is required when appArmorProfile is set'))
  else if (!PROFILE_TYPES.includes(profile.type)) errors.push(notSupported(`${field}.type`, profile.type, PROFILE_TYPES))
  else if (name !== undefined) errors.push(invalid(nameField, name, 'can only be set when AppArmor type is Localhost'))
}

const MAX_CREDENTIAL_KIB = 64

function windowsOptions(options: WindowsSecurityContextOptions | undefined, field: string, errors: Errors): void {
  if (options === undefined) return
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options
  if (name !== undefined) addInvalid(isDNS1123Subdomain(name), `${field}.gmsaCredentialSpecName`, name, errors)
  if (spec === '') errors.push(invalid(`${field}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string'))
  else if (spec !== undefined && bytes(spec) > MAX_CREDENTIAL_KIB * 1024)
    errors.push(invalid(`${field}.gmsaCredentialSpec`, spec, `gmsaCredentialSpec size must be under ${MAX_CREDENTIAL_KIB} KiB`))
  if (user !== undefined) addInvalid(windowsUserProblems(user), `${field}.runAsUserName`, user, errors)
}

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const DNS_DOMAIN = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/

function windowsUserProblems(text: string): string[] {
  if (text === '') return ['runAsUserName cannot be an empty string']
  if (/\p{Cc}/u.test(text)) return ['runAsUserName cannot contain control characters']
  const parts = text.split('\\')
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const domain = parts.length === 2 ? parts[0] : undefined
  const user = parts.at(-1) ?? ''
  const wrong: string[] = []
  if (bytes(domain ?? '') >= 256) wrong.push("runAsUserName's Domain length must be under 256 characters")
  if (domain !== undefined && !NETBIOS.test(domain) && !DNS_DOMAIN.test(domain))
    wrong.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
  if (user === '') wrong.push("runAsUserName's User cannot be empty")
  else if (bytes(user) > 104) wrong.push("runAsUserName's User length must not be longer than 104 characters")
  if (/^[. ]+$/.test(user)) wrong.push("runAsUserName's User cannot contain only periods or spaces")
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) wrong.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]')
  return wrong
}

/** As Go prints the unversioned type, which has no JSON names. */
const printed = (sc: SecurityContext) => ({
  Capabilities: sc.capabilities === undefined ? null : { Add: sc.capabilities.add ?? null, Drop: sc.capabilities.drop ?? null },
  Privileged: sc.privileged ?? null,
  SELinuxOptions: sc.seLinuxOptions ?? null,
  WindowsOptions: sc.windowsOptions ?? null,
  RunAsUser: sc.runAsUser ?? null,
  RunAsGroup: sc.runAsGroup ?? null,
  RunAsNonRoot: sc.runAsNonRoot ?? null,
  ReadOnlyRootFilesystem: sc.readOnlyRootFilesystem ?? null,
  AllowPrivilegeEscalation: sc.allowPrivilegeEscalation ?? null,
  ProcMount: sc.procMount ?? null,
  SeccompProfile: sc.seccompProfile ?? null,
  AppArmorProfile: sc.appArmorProfile ?? null,
})

export function containerSecurityContext(sc: SecurityContext | undefined, hostUsers: boolean, field: string, errors: Errors): void {
  if (sc === undefined) return
  accountId(sc.runAsUser, `${field}.runAsUser`, errors)
  accountId(sc.runAsGroup, `${field}.runAsGroup`, errors)
  if (sc.procMount !== undefined) {
    oneOf(sc.procMount, ['Default', 'Unmasked'], `${field}.procMount`, errors)
    if (hostUsers && sc.procMount === 'Unmasked')
      errors.push(invalid(`${field}.procMount`, sc.procMount, '`hostUsers` must be false to use `Unmasked`'))
  }
  seccompProfile(sc.seccompProfile, `${field}.seccompProfile`, errors)
  if (sc.allowPrivilegeEscalation === false) {
    const cannot = (what: string) =>
      errors.push(invalid(field, printed(sc), `cannot set \`allowPrivilegeEscalation\` to false and ${what}`))
    if (sc.privileged === true) cannot('`privileged` to true')
    for (const capability of sc.capabilities?.add ?? []) if (capability === 'CAP_SYS_ADMIN') cannot('`capabilities.Add` CAP_SYS_ADMIN')
  }
  windowsOptions(sc.windowsOptions, `${field}.windowsOptions`, errors)
  appArmorProfile(sc.appArmorProfile, `${field}.appArmorProfile`, errors)
}

const SYSCTL = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const sysctlRegexp = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/
const IPC_SYSCTLS = ['kernel.sem']
const IPC_PREFIXES = ['kernel.shm', 'kernel.msg', 'fs.mqueue.']

function sysctlNamespace(name: string): 'ipc' | 'net' | undefined {
  const dotted = name.replaceAll('/', '.')
  if (IPC_SYSCTLS.includes(dotted) || IPC_PREFIXES.some(prefix => dotted.startsWith(prefix))) return 'ipc'
  return dotted.startsWith('net.') ? 'net' : undefined
}

function sysctls(spec: PodSpec, field: string, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, { name = '' }] of (spec.securityContext?.sysctls ?? []).entries()) {
    const at = `${field}[${i}].name`
    if (name === '') errors.push(required(at))
    else if (bytes(name) > 253 || !sysctlRegexp.test(name))
      errors.push(invalid(at, name, `must have at most 253 characters and match regex ^${SYSCTL}$`))
    else if (seen.has(name)) errors.push(duplicate(at, name))
    const namespace = sysctlNamespace(name)
    if (spec.hostNetwork && namespace === 'net') errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"))
    else if (spec.hostIPC && namespace === 'ipc') errors.push(invalid(at, name, "may not be specified when 'hostIPC' is true"))
    seen.add(name)
  }
}

export function podSecurityContext(spec: PodSpec, field: string, errors: Errors): void {
  const sc = spec.securityContext
  if (sc === undefined) return
  accountId(sc.fsGroup, `${field}.fsGroup`, errors)
  accountId(sc.runAsUser, `${field}.runAsUser`, errors)
  accountId(sc.runAsGroup, `${field}.runAsGroup`, errors)
  for (const [i, group] of (sc.supplementalGroups ?? []).entries()) accountId(group, `${field}.supplementalGroups[${i}]`, errors)
  if (spec.shareProcessNamespace && spec.hostPID)
    errors.push(invalid(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'))
  sysctls(spec, `${field}.sysctls`, errors)
  const choice = (member: keyof PodSecurityContext, values: readonly string[]) => {
    const value = sc[member] as string | undefined
    if (value !== undefined) oneOf(value, values, `${field}.${member}`, errors)
  }
  choice('fsGroupChangePolicy', ['Always', 'OnRootMismatch'])
  seccompProfile(sc.seccompProfile, `${field}.seccompProfile`, errors)
  windowsOptions(sc.windowsOptions, `${field}.windowsOptions`, errors)
  appArmorProfile(sc.appArmorProfile, `${field}.appArmorProfile`, errors)
  choice('supplementalGroupsPolicy', ['Merge', 'Strict'])
  choice('seLinuxChangePolicy', ['MountOption', 'Recursive'])
}

/** Either all containers are host processes, or none is, and then the pod shares the node's network. */
export function windowsHostProcess(spec: PodSpec, field: string, errors: Errors): void {
  const podValue = spec.securityContext?.windowsOptions?.hostProcess
  let containers = 0
  let hostProcesses = 0
  visitContainers(spec, field, (container, at) => {
    containers++
    const own = container.securityContext?.windowsOptions?.hostProcess
    if (podValue !== undefined && own !== undefined && podValue !== own)
      errors.push(
        invalid(
          `${at}.securityContext.windowsOptions.hostProcess`,
          own,
          `pod hostProcess value must be identical if both are specified, was ${podValue}`,
        ),
      )
    if (own ?? podValue) hostProcesses++
  })
  if (hostProcesses === 0) return
  if (hostProcesses !== containers)
    errors.push(invalid(field, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers'))
  if (!spec.hostNetwork)
    errors.push(invalid(`${field}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers'))
}

/** A namespace of its own for users goes with none of the node's other namespaces. */
export function ownUsers(spec: PodSpec, field: string, errors: Errors): void {
  if (spec.hostUsers !== false) return
  const why = 'when `hostUsers` is false'
  if (spec.hostNetwork) errors.push(forbidden(`${field}.hostNetwork`, why))
  if (spec.hostPID) errors.push(forbidden(`${field}.HostPID`, why))
  if (spec.hostIPC) errors.push(forbidden(`${field}.HostIPC`, why))
  visitContainers(spec, field, (container, at) => {
    if (container.volumeDevices?.length) errors.push(forbidden(`${at}.volumeDevices`, why))
  })
}

const WINDOWS = 'cannot be set for a windows pod'
const LINUX = 'windows options cannot be set for a linux pod'

export function operatingSystem(spec: PodSpec, field: string, errors: Errors): void {
  if (spec.os === undefined) return
  const name = spec.os.name
  if (!name) errors.push(required(`${field}.os.name`))
  else if (name !== 'linux' && name !== 'windows') errors.push(notSupported(`${field}.os`, name, ['linux', 'windows']))
  else if (name === 'linux') {
    if (spec.securityContext?.windowsOptions !== undefined) errors.push(forbidden(`${field}.securityContext.windowsOptions`, LINUX))
    visitContainers(spec, field, (container, at) => {
      if (container.securityContext?.windowsOptions !== undefined) errors.push(forbidden(`${at}.securityContext.windowsOptions`, LINUX))
    })
  } else windowsPod(spec, field, errors)
}

function windowsPod(spec: PodSpec, field: string, errors: Errors): void {
  const sc: PodSecurityContext = spec.securityContext ?? {}
  const refuse = (present: boolean, at: string) => {
    if (present) errors.push(forbidden(at, WINDOWS))
  }
  const own = (member: keyof PodSecurityContext) => refuse(sc[member] !== undefined, `${field}.securityContext.${member}`)
  own('appArmorProfile')
  own('seLinuxOptions')
  refuse(spec.hostUsers !== undefined, `${field}.hostUsers`)
  refuse(spec.hostPID === true, `${field}.hostPID`)
  refuse(spec.hostIPC === true, `${field}.hostIPC`)
  own('seccompProfile')
  own('fsGroup')
  own('fsGroupChangePolicy')
  refuse((sc.sysctls?.length ?? 0) > 0, `${field}.securityContext.sysctls`)
  refuse(spec.shareProcessNamespace !== undefined, `${field}.shareProcessNamespace`)
  own('runAsUser')
  own('runAsGroup')
  own('supplementalGroups')
  own('supplementalGroupsPolicy')
  own('seLinuxChangePolicy')
  visitContainers(spec, field, ({ securityContext }, at) => {
    for (const member of [
      'appArmorProfile',
      'seLinuxOptions',
      'seccompProfile',
      'capabilities',
      'readOnlyRootFilesystem',
      'privileged',
      'allowPrivilegeEscalation',
      'procMount',
      'runAsUser',
      'runAsGroup',
    ] as const)
      refuse(securityContext?.[member] !== undefined, `${at}.securityContext.${member}`)
  })
}
