// What a pod or a template may say but probably should not (pkg/api/pod/warnings.go). They become Warning headers.
import type {
  Container,
  ContainerPort,
  NodeSelectorTerm,
  PersistentVolumeClaimSpec,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from '../../api/core/v1.ts'
import type { ObjectMeta } from '../../api/meta/v1.ts'
import { isDNS1123Label } from '../../apimachinery/names.ts'
import { equal, member } from '../../apimachinery/objects.ts'
import { quantityMilliValue } from '../../apimachinery/quantity.ts'
import { warnAboutIP } from '../validation/ip.ts'
import { visitContainers } from './visit.ts'

type Metadata = Pick<ObjectMeta, 'annotations'> | undefined

/** As Go prints a list of texts. */
export const goList = (texts: readonly string[]) => `[${texts.join(' ')}]`

const NAME_IN_HOSTNAME =
  "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: "
const NAME_IN_PODS =
  'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: '

/** For workloads whose pods carry their name. */
export function workloadNameWarnings(name: string | undefined): string[] {
  const wrong = isDNS1123Label(name ?? '')
  return wrong.length === 0 ? [] : [NAME_IN_PODS + goList(wrong)]
}

export function podWarnings({ metadata, spec }: { metadata: ObjectMeta; spec?: PodSpec }): readonly string[] {
  const wrong = isDNS1123Label(metadata.name ?? '')
  const warnings = wrong.length === 0 ? [] : [NAME_IN_HOSTNAME + goList(wrong)]
  if (spec !== undefined) collectWarnings(spec, metadata, '', warnings)
  return warnings
}

export function templateWarnings(template: PodTemplateSpec | undefined, field: string): readonly string[] {
  const warnings: string[] = []
  if (template?.spec !== undefined) collectWarnings(template.spec, template.metadata, `${field}.`, warnings)
  return warnings
}

export const OLD_NODE_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}

const OLD_ANNOTATIONS: readonly (readonly [key: string, message: string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
]

const OLD_VOLUMES: readonly (readonly [member: keyof Volume, path: string, message: string])[] = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/'
const NO_SELECTOR = 'a null labelSelector results in matching no pod'

/** `at` is "" or ends with a dot. */
function collectWarnings(spec: PodSpec, metadata: Metadata, at: string, warnings: string[]): void {
  const field = `${at}spec`
  const annotations = metadata?.annotations ?? {}
  for (const key in spec.nodeSelector)
    if (member(OLD_NODE_LABELS, key)) warnings.push(`${field}.nodeSelector[${key}]: ${OLD_NODE_LABELS[key]}`)
  nodeAffinity(spec, `${field}.affinity.nodeAffinity`, warnings)
  for (const [i, { topologyKey, labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const where = `${field}.topologySpreadConstraints[${i}]`
    if (member(OLD_NODE_LABELS, topologyKey)) warnings.push(`${where}.topologyKey: ${topologyKey} is ${OLD_NODE_LABELS[topologyKey]}`)
    if (labelSelector === undefined) warnings.push(`${where}.labelSelector: ${NO_SELECTOR}`)
  }
  for (const [key, message] of OLD_ANNOTATIONS)
    if (annotations[key] !== undefined) warnings.push(`${at}metadata.annotations[${key}]: ${message}`)
  volumes(spec.volumes, `${field}.volumes`, warnings)
  duplicates(spec, field, warnings)
  fractions(spec.overhead, `${field}.overhead`, warnings)
  if (spec.securityContext?.seccompProfile === undefined && annotations[SECCOMP_POD] !== undefined)
    warnings.push(`${at}metadata.annotations[${SECCOMP_POD}]: non-functional in v1.27+; use the "seccompProfile" field instead`)
  visitContainers(spec, field, (container, where) => {
    oldProfiles(container, spec, annotations, at, warnings)
    fractions(container.resources?.limits, `${where}.resources.limits`, warnings)
    fractions(container.resources?.requests, `${where}.resources.requests`, warnings)
    hiddenVariables(container, where, warnings)
  })
  ports(spec, field, warnings)
  portNames(spec, field, warnings)
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warnings.push(`${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`)
  podAffinity(spec, `${field}.affinity`, warnings)
  for (const [i, server] of (spec.dnsConfig?.nameservers ?? []).entries())
    warnAboutIP(server, `${field}.dnsConfig.nameservers[${i}]`, warnings)
  for (const [i, { ip }] of (spec.hostAliases ?? []).entries()) warnAboutIP(ip, `${field}.hostAliases[${i}].ip`, warnings)
}

const MUST = 'requiredDuringSchedulingIgnoredDuringExecution'
const SHOULD = 'preferredDuringSchedulingIgnoredDuringExecution'

export function nodeTermWarnings(
  { matchExpressions, matchFields }: NodeSelectorTerm,
  field: string,
  preferred: boolean,
  warnings: string[],
): void {
  if (!matchExpressions?.length && !matchFields?.length && !preferred)
    warnings.push(`${field}: empty term. It will match nothing; consider removing`)
  for (const [i, { key }] of (matchExpressions ?? []).entries())
    if (member(OLD_NODE_LABELS, key)) warnings.push(`${field}.matchExpressions[${i}].key: ${key} is ${OLD_NODE_LABELS[key]}`)
}

function nodeAffinity({ affinity }: PodSpec, field: string, warnings: string[]): void {
  for (const [i, selected] of (affinity?.nodeAffinity?.[MUST]?.nodeSelectorTerms ?? []).entries())
    nodeTermWarnings(selected, `${field}.${MUST}.nodeSelectorTerms[${i}]`, false, warnings)
  for (const [i, preferred] of (affinity?.nodeAffinity?.[SHOULD] ?? []).entries())
    nodeTermWarnings(preferred.preference ?? {}, `${field}.${SHOULD}[${i}].preference`, true, warnings)
}

function podAffinity({ affinity }: PodSpec, field: string, warnings: string[]): void {
  const check = ({ labelSelector }: Partial<PodAffinityTerm>, where: string) => {
    if (labelSelector === undefined) warnings.push(`${where}.labelSelector: ${NO_SELECTOR}`)
  }
  for (const member of ['podAffinity', 'podAntiAffinity'] as const) {
    for (const [i, term] of (affinity?.[member]?.[MUST] ?? []).entries()) check(term, `${field}.${member}.${MUST}[${i}]`)
    for (const [i, { podAffinityTerm }] of (affinity?.[member]?.[SHOULD] ?? []).entries())
      check(podAffinityTerm ?? {}, `${field}.${member}.${SHOULD}[${i}].podAffinityTerm`)
  }
}

function volumes(list: readonly Volume[] | undefined, field: string, warnings: string[]): void {
  for (const [i, volume] of (list ?? []).entries()) {
    for (const [member, path, message] of OLD_VOLUMES) if (volume[member] !== undefined) warnings.push(`${field}[${i}].${path}: ${message}`)
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec
    if (claim !== undefined) claimWarnings(claim, `${field}[${i}].ephemeral.volumeClaimTemplate.spec`, warnings)
  }
  for (const volume of list ?? []) overlaps(volume, warnings)
}

export function claimWarnings(spec: PersistentVolumeClaimSpec | undefined, field: string, warnings: string[]): void {
  for (const list of ['requests', 'limits'] as const) {
    const storage = spec?.resources?.[list]?.storage
    if (storage !== undefined && quantityMilliValue(storage) % 1000 !== 0)
      warnings.push(`${field}.resources.${list}[storage]: fractional byte value "${storage}" is invalid, must be an integer`)
  }
}

interface PathOf {
  readonly path: string
  readonly source: string
}

/** Files of one volume of which one is another, or lies below it. */
function overlaps(volume: Volume, warnings: string[]): void {
  const name = JSON.stringify(volume.name)
  const report = (what: string, paths: readonly PathOf[]) => {
    for (const text of overlapping(paths)) warnings.push(`volume ${name} (${what}): overlapping paths: ${text}`)
  }
  const files = (items: readonly { readonly path: string }[] | undefined, source: string) =>
    (items ?? []).map(({ path }) => ({ path: path.replace(/\/+$/, ''), source }))
  if (volume.configMap?.items) report(`ConfigMap ${JSON.stringify(volume.configMap.name ?? '')}`, files(volume.configMap.items, ''))
  if (volume.secret?.items) report(`Secret ${JSON.stringify(volume.secret.secretName ?? '')}`, files(volume.secret.items, ''))
  if (volume.downwardAPI?.items) report('DownwardAPI', files(volume.downwardAPI.items, ''))
  if (volume.projected === undefined) return
  const all: PathOf[] = []
  for (const source of volume.projected.sources ?? []) {
    if (Object.keys(source).length === 0) {
      warnings.push(`volume ${name} (Projected) has no sources provided`)
      continue
    }
    let own: PathOf[] = []
    if (source.configMap?.items) own = files(source.configMap.items, `ConfigMap ${JSON.stringify(source.configMap.name ?? '')}`)
    else if (source.secret?.items) own = files(source.secret.items, `Secret ${JSON.stringify(source.secret.name ?? '')}`)
    else if (source.downwardAPI?.items) own = files(source.downwardAPI.items, 'DownwardAPI')
    else if (source.serviceAccountToken) own = files([source.serviceAccountToken], 'ServiceAccountToken')
    for (const path of own) {
      for (const text of overlapping([...all, path], all.length)) warnings.push(`volume ${name} (Projected): overlapping paths: ${text}`)
    }
    all.push(...own)
  }
}

/** Pairs in which one path is the other's, or its parent's; with `from`, only those of which the second stands there or later. */
function overlapping(paths: readonly PathOf[], from = 0): string[] {
  const text = ({ path, source }: PathOf) => (source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`)
  const found: string[] = []
  for (const [i, second] of paths.entries()) {
    if (i < from) continue
    for (const first of paths.slice(0, i)) {
      if (first.path === second.path || second.path.startsWith(`${first.path}/`) || first.path.startsWith(`${second.path}/`))
        found.push(`${text(second)} with ${text(first)}`)
    }
  }
  return found
}

function duplicates(spec: PodSpec, field: string, warnings: string[]): void {
  const addresses = new Set<string>()
  for (const [i, { ip }] of (spec.hostAliases ?? []).entries()) {
    if (addresses.has(ip)) warnings.push(`${field}.hostAliases[${i}].ip: duplicate ip ${JSON.stringify(ip)}`)
    addresses.add(ip)
  }
  const names = new Set<string>()
  for (const [i, { name = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (names.has(name)) warnings.push(`${field}.imagePullSecrets[${i}].name: duplicate name ${JSON.stringify(name)}`)
    names.add(name)
  }
  for (const [i, { name }] of (spec.imagePullSecrets ?? []).entries())
    if (!name) warnings.push(`${field}.imagePullSecrets[${i}].name: invalid empty name ""`)
}

const BYTES = ['memory', 'ephemeral-storage'] as const

function fractions(amounts: Readonly<Record<string, string | number>> | undefined, field: string, warnings: string[]): void {
  for (const name of BYTES) {
    const value = amounts?.[name]
    if (value !== undefined && quantityMilliValue(value) % 1000 !== 0)
      warnings.push(`${field}[${name}]: fractional byte value "${value}" is invalid, must be an integer`)
  }
}

function oldProfiles(
  { name, securityContext }: Container,
  spec: PodSpec,
  annotations: Readonly<Record<string, string>>,
  at: string,
  warnings: string[],
): void {
  const seccomp = SECCOMP_CONTAINER + name
  if (securityContext?.seccompProfile === undefined && annotations[seccomp] !== undefined)
    warnings.push(`${at}metadata.annotations[${seccomp}]: non-functional in v1.27+; use the "seccompProfile" field instead`)
  // Of pods this is said where the annotation becomes a field.
  const apparmor = annotations[APPARMOR + name]
  if (at === '' || apparmor === undefined || securityContext?.appArmorProfile !== undefined) return
  if (!equal(spec.securityContext?.appArmorProfile, profileOf(apparmor)))
    warnings.push(`${at}metadata.annotations[${APPARMOR}${name}]: deprecated since v1.30; use the "appArmorProfile" field instead`)
}

function profileOf(annotation: string) {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  return annotation.startsWith('localhost/') ? { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) } : null
}

function hiddenVariables({ env }: Container, where: string, warnings: string[]): void {
  const seen = new Set<string>()
  for (const [i, { name, value = '', valueFrom }] of (env ?? []).entries()) {
    const itself = `$(${name})`
    const extendsIt = valueFrom === undefined && value !== itself && value.includes(itself)
    if (seen.has(name) && !extendsIt)
      warnings.push(`${where}.env[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`)
    seen.add(name)
  }
}

function ports(spec: PodSpec, field: string, warnings: string[]): void {
  const seen = new Map<string, { readonly at: string; readonly port: ContainerPort }[]>()
  visitContainers(spec, field, (container, where) => {
    for (const [i, port] of (container.ports ?? []).entries()) {
      const at = `${where}.ports[${i}]`
      const { hostIP = '', hostPort = 0, containerPort, protocol, name = '' } = port
      if (hostIP !== '' && hostPort === 0)
        warnings.push(
          `${at}: hostIP set without hostPort: {Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`,
        )
      const key = `${containerPort}/${protocol}`
      const others = seen.get(key) ?? []
      for (const other of others) {
        const { hostIP: otherIP = '', hostPort: otherPort = 0 } = other.port
        if (hostIP === otherIP && hostPort === otherPort) warnings.push(`${at}: duplicate port definition with ${other.at}`)
        else if (hostPort === 0 || otherPort === 0) warnings.push(`${at}: overlapping port definition with ${other.at}`)
        else if (hostPort === otherPort && (hostIP === '') !== (otherIP === ''))
          warnings.push(`${at}: dangerously ambiguous port definition with ${other.at}`)
      }
      seen.set(key, [...others, { at, port }])
    }
  })
}

function portNames(spec: PodSpec, field: string, warnings: string[]): void {
  const seen = new Map<string, string>()
  visitContainers(spec, field, (container, where) => {
    for (const [i, { name }] of (container.ports ?? []).entries()) {
      if (!name) continue
      const other = seen.get(name)
      if (other === undefined) seen.set(name, `${where}.ports[${i}]`)
      else
        warnings.push(
          `${where}.ports[${i}]: duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`,
        )
    }
  })
}
