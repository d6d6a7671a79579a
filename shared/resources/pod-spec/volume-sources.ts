// The sources that volumes of pods and persistent volumes have in common, and what each must say. A volume has exactly one.
import { forbidden, invalid, notSupported, required, tooLong } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { addInvalid, bytes, dnsLabel, dnsSubdomain, type Errors, inRange, noBacksteps, oneOf, requireText } from '../validation/checks.ts'

/** A source as JSON: members are looked at by name. */
export type Source = Readonly<Record<string, unknown>>
export type CheckSource = (source: Source, field: string, errors: Errors) => void

/**
 * One kind of source: the member that holds it, how to check it, and the names that upstream uses in paths where they are not the
 * member's own (of the source, and in the complaint about a second source).
 */
export interface SourceRule {
  readonly member: string
  readonly check: CheckSource
  readonly path?: string
  readonly surplusPath?: string
}

const text = (source: Source, name: string) => (source[name] as string | undefined) ?? ''
const number = (source: Source, name: string) => (source[name] as number | undefined) ?? 0
const object = (source: Source, name: string) => source[name] as Source | undefined
const list = (source: Source, name: string) => (source[name] as readonly unknown[] | undefined) ?? []

/** All these members must be there. */
export const needs =
  (...members: string[]): CheckSource =>
  (source, field, errors) => {
    for (const member of members) {
      const value = source[member]
      if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) errors.push(required(`${field}.${member}`))
    }
  }

const partition: CheckSource = (source, field, errors) => {
  const value = number(source, 'partition')
  // Upstream's text and its rule do not agree about zero.
  if (value < 0 || value > 255) errors.push(invalid(`${field}.partition`, value, inRange(1, 255)))
}

const all =
  (...checks: CheckSource[]): CheckSource =>
  (source, field, errors) => {
    for (const check of checks) check(source, field, errors)
  }

const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

const hostPath: CheckSource = (source, field, errors) => {
  const path = text(source, 'path')
  if (path === '') {
    errors.push(required(`${field}.path`))
    return
  }
  noBacksteps(path, `${field}.path`, errors)
  if (source.type !== undefined) oneOf(text(source, 'type'), HOST_PATH_TYPES, `${field}.type`, errors)
}

const nfs: CheckSource = (source, field, errors) => {
  needs('server', 'path')(source, field, errors)
  const path = text(source, 'path')
  if (!path.startsWith('/')) errors.push(invalid(`${field}.path`, path, 'must be an absolute path'))
}

const INITIATORS: readonly (readonly [prefix: string, pattern: RegExp])[] = [
  ['iqn', /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/],
  ['eui', /^eui.[A-Za-z0-9]{16}$/],
  ['naa', /^naa.[A-Za-z0-9]{32}$/],
]

function initiator(value: string, field: string, unknown: string, errors: Errors): void {
  const form = INITIATORS.find(([prefix]) => value.startsWith(prefix))
  if (form === undefined) errors.push(invalid(field, value, unknown))
  else if (!form[1].test(value)) errors.push(invalid(field, value, 'must be valid format'))
}

function iscsi(source: Source, field: string, errors: Errors, persistent: boolean): void {
  const unknown = persistent ? 'must be valid format' : 'must be valid format starting with iqn, eui, or naa'
  const iqn = text(source, 'iqn')
  if (iqn === '') errors.push(required(`${field}.iqn`))
  else initiator(iqn, `${field}.iqn`, unknown, errors)
  const lun = number(source, 'lun')
  if (lun < 0 || lun > 255) errors.push(invalid(`${field}.lun`, lun, inRange(0, 255)))
  const secret = object(source, 'secretRef')
  if ((source.chapAuthDiscovery || source.chapAuthSession) && secret === undefined) errors.push(required(`${field}.secretRef`))
  if (persistent && secret !== undefined) requireText(text(secret, 'name'), `${field}.secretRef.name`, errors)
  if (source.initiatorName !== undefined) initiator(text(source, 'initiatorName'), `${field}.initiatorname`, unknown, errors)
}

const ISCSI_NAME = 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'

/** With an initiator name, the volume's name and the portal become one name on the node. */
export const iscsiNameTooLong = (source: Source | undefined, volume: string): string | undefined =>
  source?.initiatorName !== undefined && bytes(`${volume}:${text(source, 'targetPortal')}`) > 64 ? ISCSI_NAME : undefined

const fc: CheckSource = (source, field, errors) => {
  const names = list(source, 'targetWWNs')
  const ids = list(source, 'wwids')
  if (names.length === 0 && ids.length === 0)
    errors.push(required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'))
  if (names.length > 0 && ids.length > 0)
    errors.push(invalid(`${field}.targetWWNs`, names, 'targetWWNs and wwids can not be specified simultaneously'))
  if (names.length === 0) return
  const lun = source.lun as number | undefined
  if (lun === undefined) errors.push(required(`${field}.lun`, 'lun is required if targetWWNs is specified'))
  else if (lun < 0 || lun > 255) errors.push(invalid(`${field}.lun`, lun, inRange(0, 255)))
}

const PAIRS = 'must be a host:port pair or multiple pairs separated by commas'

const quobyte: CheckSource = (source, field, errors) => {
  const registry = text(source, 'registry')
  if (registry === '') errors.push(required(`${field}.registry`, PAIRS))
  else if (bytes(text(source, 'tenant')) >= 65)
    errors.push(required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'))
  else {
    for (const pair of registry.split(','))
      if (!/^(\[[^\]]*\]|[^:[\]]*):[^:[\]]*$/.test(pair)) errors.push(invalid(`${field}.registry`, registry, PAIRS))
  }
  requireText(text(source, 'volume'), `${field}.volume`, errors)
}

const flocker: CheckSource = (source, field, errors) => {
  const name = text(source, 'datasetName')
  const id = text(source, 'datasetUUID')
  if (name === '' && id === '') errors.push(required(field, 'one of datasetName and datasetUUID is required'))
  if (name !== '' && id !== '') errors.push(invalid(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'))
  if (name.includes('/')) errors.push(invalid(`${field}.datasetName`, name, "must not contain '/'"))
}

const flexVolume: CheckSource = (source, field, errors) => {
  requireText(text(source, 'driver'), `${field}.driver`, errors)
  for (const key of Object.keys(object(source, 'options') ?? {})) {
    const namespace = `.${(key.split('/', 2)[0] ?? '').toLowerCase()}`
    if (namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io'))
      errors.push(invalid(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'))
  }
}

const MANAGED_DISK = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const BLOB_DISK = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'

const azureDisk: CheckSource = (source, field, errors) => {
  needs('diskName', 'diskURI')(source, field, errors)
  const uri = text(source, 'diskURI')
  const kind = source.kind as string | undefined
  if (source.cachingMode !== undefined)
    oneOf(text(source, 'cachingMode'), ['None', 'ReadOnly', 'ReadWrite'], `${field}.cachingMode`, errors)
  if (kind === undefined) return
  oneOf(kind, ['Dedicated', 'Managed', 'Shared'], `${field}.kind`, errors)
  if (kind === 'Managed' && !uri.startsWith('/subscriptions/')) errors.push(notSupported(`${field}.diskURI`, uri, [MANAGED_DISK]))
  if (kind !== 'Managed' && !uri.startsWith('https://')) errors.push(notSupported(`${field}.diskURI`, uri, [BLOB_DISK]))
}

const secretName =
  (member: string, ...parts: string[]): CheckSource =>
  (source, field, errors) => {
    const secret = object(source, member)
    if (secret !== undefined) for (const part of parts) requireText(text(secret, part), `${field}.${member}.${part}`, errors)
  }

const storageos = (...secretParts: string[]): CheckSource =>
  all(
    (source, field, errors) => {
      const name = text(source, 'volumeName')
      const namespace = text(source, 'volumeNamespace')
      if (name === '') errors.push(required(`${field}.volumeName`))
      else dnsLabel(name, `${field}.volumeName`, errors)
      if (namespace !== '') dnsLabel(namespace, `${field}.volumeNamespace`, errors)
    },
    secretName('secretRef', ...secretParts),
  )

const glusterfsPersistent: CheckSource = (source, field, errors) => {
  needs('endpoints', 'path')(source, field, errors)
  const namespace = source.endpointsNamespace as string | undefined
  if (namespace === '')
    errors.push(invalid(`${field}.endpointsNamespace`, '', 'if the endpointnamespace is set, it must be a valid namespace name'))
  else if (namespace !== undefined) addInvalid(isDNS1123Label(namespace), `${field}.endpointsNamespace`, namespace, errors)
}

const azureFilePersistent: CheckSource = (source, field, errors) => {
  needs('secretName', 'shareName')(source, field, errors)
  if (source.secretNamespace === '') errors.push(required(`${field}.secretNamespace`))
}

const local: CheckSource = (source, field, errors) => {
  const path = text(source, 'path')
  if (path === '') errors.push(required(`${field}.path`))
  else noBacksteps(path, `${field}.path`, errors)
}

/** What pods and persistent volumes check alike. */
export const SHARED = {
  hostPath: { member: 'hostPath', check: hostPath },
  gcePersistentDisk: { member: 'gcePersistentDisk', check: all(needs('pdName'), partition), path: 'persistentDisk' },
  awsElasticBlockStore: { member: 'awsElasticBlockStore', check: all(needs('volumeID'), partition) },
  nfs: { member: 'nfs', check: nfs },
  rbd: { member: 'rbd', check: needs('monitors', 'image') },
  quobyte: { member: 'quobyte', check: quobyte },
  cephfs: { member: 'cephfs', check: needs('monitors'), surplusPath: 'cephFS' },
  fc: { member: 'fc', check: fc },
  flocker: { member: 'flocker', check: flocker },
  flexVolume: { member: 'flexVolume', check: flexVolume },
  vsphereVolume: { member: 'vsphereVolume', check: needs('volumePath') },
  photonPersistentDisk: { member: 'photonPersistentDisk', check: needs('pdID') },
  portworxVolume: { member: 'portworxVolume', check: needs('volumeID') },
  azureDisk: { member: 'azureDisk', check: azureDisk },
  scaleIO: { member: 'scaleIO', check: needs('gateway', 'system', 'volumeName') },
} satisfies Record<string, SourceRule>

export const POD = {
  iscsi: { member: 'iscsi', check: all(needs('targetPortal'), (source, field, errors) => iscsi(source, field, errors, false)) },
  glusterfs: { member: 'glusterfs', check: needs('endpoints', 'path') },
  cinder: { member: 'cinder', check: all(needs('volumeID'), secretName('secretRef', 'name')) },
  azureFile: { member: 'azureFile', check: needs('secretName', 'shareName') },
  storageos: { member: 'storageos', check: storageos('name') },
} satisfies Record<string, SourceRule>

export const PERSISTENT = {
  glusterfs: { member: 'glusterfs', check: glusterfsPersistent },
  cinder: { member: 'cinder', check: all(needs('volumeID'), secretName('secretRef', 'name', 'namespace')) },
  azureFile: { member: 'azureFile', check: azureFilePersistent },
  storageos: { member: 'storageos', check: storageos('name', 'namespace') },
  local: { member: 'local', check: local },
} satisfies Record<string, SourceRule>

export const persistentIscsi = (volume: string): SourceRule => ({
  member: 'iscsi',
  check(source, field, errors) {
    requireText(text(source, 'targetPortal'), `${field}.targetPortal`, errors)
    const nameTooLong = iscsiNameTooLong(source, volume)
    if (nameTooLong !== undefined) errors.push(invalid(`${field}.targetportal`, text(source, 'targetPortal'), nameTooLong))
    iscsi(source, field, errors, true)
  },
})

const SECRETS = ['controllerPublishSecretRef', 'controllerExpandSecretRef', 'nodePublishSecretRef', 'nodeExpandSecretRef']

export const csiPersistent: SourceRule = {
  member: 'csi',
  check(source, field, errors) {
    csiDriverName(text(source, 'driver'), `${field}.driver`, errors)
    requireText(text(source, 'volumeHandle'), `${field}.volumeHandle`, errors)
    for (const member of SECRETS) {
      const secret = source[member] as Source | undefined
      if (secret === undefined) continue
      const [name, namespace] = [text(secret, 'name'), text(secret, 'namespace')]
      if (name === '') errors.push(required(`${field}.${member}.name`))
      else dnsSubdomain(name, `${field}.${member}.name`, errors)
      if (namespace === '') errors.push(required(`${field}.${member}.namespace`))
      else dnsLabel(namespace, `${field}.${member}.namespace`, errors)
    }
  },
}

/** Names of CSI drivers are domain names in any case. */
export function csiDriverName(name: string | undefined, field: string, errors: Errors): void {
  if (!name) {
    errors.push(required(field))
    return
  }
  if (bytes(name) > 63) errors.push(tooLong(field, 63))
  addInvalid(isDNS1123Subdomain(name.toLowerCase()), field, name, errors)
}

/** Checks the first source and complains about the others. Answers how many there are. */
export function checkSources(holder: Source, rules: readonly SourceRule[], field: string, errors: Errors): number {
  let found = 0
  for (const rule of rules) {
    const source = holder[rule.member] as Source | undefined
    if (source === undefined) continue
    if (found++ > 0) errors.push(forbidden(`${field}.${rule.surplusPath ?? rule.member}`, 'may not specify more than 1 volume type'))
    else rule.check(source, `${field}.${rule.path ?? rule.member}`, errors)
  }
  return found
}
