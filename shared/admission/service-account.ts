// A pod runs as a service account of its namespace, and finds that account's token, the CA and its namespace in a volume.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, Pod, PodSpec, ServiceAccount, Volume, VolumeMount } from '../api/core/v1.ts'
import type { AdmissionPlugin, Attributes } from '../apimachinery/admission.ts'
import { randomSuffix } from '../apimachinery/metadata.ts'
import { forbidden, type StatusError } from '../apimachinery/status-error.ts'
import { isPodCreation, namespaceOf, objectOf } from './attributes.ts'

const SERVICE_ACCOUNTS = { group: '', resource: 'serviceaccounts' }
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
const MIRROR = 'kubernetes.io/config.mirror'
const ENFORCE_SECRETS = 'kubernetes.io/enforce-mountable-secrets'
const VOLUME_PREFIX = 'kube-api-access-'
/** How long a pod waits for the account of a namespace that is younger than this. */
const PATIENCE_MS = 5_000
const YOUNG_MS = 30_000
/** An hour, and a little so that a token that is renewed hourly never ends first. Seconds. */
const TOKEN_SECONDS = 3607

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  async mutate(attributes) {
    if (!isPodCreation(attributes)) return
    const pod = objectOf<Pod>(attributes)
    const spec = pod.spec as PodSpec
    if (pod.metadata.annotations?.[MIRROR] !== undefined) {
      checkMirror(spec, attributes)
      return
    }
    if (!spec.serviceAccountName) spec.serviceAccountName = 'default'
    spec.serviceAccount = spec.serviceAccountName
    const account = await accountOf(spec.serviceAccountName, attributes)
    if (automounts(spec, account)) mountToken(spec)
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
      spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }))
    }
  },
  async validate(attributes) {
    if (!isPodCreation(attributes)) return
    const pod = objectOf<Pod>(attributes)
    const spec = pod.spec as PodSpec
    if (pod.metadata.annotations?.[MIRROR] !== undefined) return
    const account = await accountOf(spec.serviceAccountName ?? 'default', attributes)
    if (account.metadata.annotations?.[ENFORCE_SECRETS] === 'true') checkSecrets(spec, account, attributes)
  },
}

const refuse = ({ endpoint, name }: Attributes, why: string): StatusError => forbidden(endpoint.collection, name, why)

/** A mirror pod shows what a kubelet runs on its own; it cannot have what only the API server gives. */
function checkMirror(spec: PodSpec, attributes: Attributes): void {
  if (spec.serviceAccountName) throw refuse(attributes, 'a mirror pod may not reference service accounts')
  for (const { secret, projected } of spec.volumes ?? []) {
    if (secret !== undefined) throw refuse(attributes, 'a mirror pod may not reference secrets')
    if (projected?.sources?.some(source => source.serviceAccountToken !== undefined)) {
      throw refuse(attributes, 'a mirror pod may not use ServiceAccountToken volume projections')
    }
  }
}

async function accountOf(name: string, attributes: Attributes): Promise<ServiceAccount> {
  const { namespace, context } = attributes
  const look = () => context.read.get<ServiceAccount>(SERVICE_ACCOUNTS, namespace, name)
  let account = await look()
  if (account === undefined && name === 'default' && (await isOnItsWay(attributes))) {
    const until = performance.now() + PATIENCE_MS
    for (let pause = 100; account === undefined && performance.now() < until; pause = Math.min(pause * 1.5, 500)) {
      await sleep(pause)
      account = await look()
    }
  }
  if (account !== undefined) return account
  throw refuse(attributes, `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`)
}

/**
 *   user       : create namespace, create pod ......................... admitted
 *   controller :                              default account is there
 *
 * Upstream waits a second for it. Functions that have to start first take longer. A controller does not wait: it may be what holds up
 * the one that makes the account, and comes again.
 */
async function isOnItsWay(attributes: Attributes): Promise<boolean> {
  if (attributes.context.apiVersion === undefined) return false
  const made = (await namespaceOf(attributes))?.metadata.creationTimestamp
  return made !== undefined && attributes.context.now - Date.parse(made) < YOUNG_MS
}

const automounts = (spec: PodSpec, account: ServiceAccount) =>
  spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true

function mountToken(spec: PodSpec): void {
  const volumes = spec.volumes ?? []
  const existing = volumes.find(volume => volume.name.startsWith(VOLUME_PREFIX))
  const name = existing?.name ?? `${VOLUME_PREFIX}${randomSuffix()}`
  const mount: VolumeMount = { name, readOnly: true, mountPath: MOUNT_PATH }
  let used = false
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (container.volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH)) continue
    container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }]
    used = true
  }
  if (used && existing === undefined) spec.volumes = [...volumes, tokenVolume(name)]
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
    defaultMode: 0o644,
  },
})

/** Only secrets that the account names may be used, where the account asks for that. */
function checkSecrets(spec: PodSpec, account: ServiceAccount, attributes: Attributes): void {
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name))
  const because = `because service account ${account.metadata.name} does not reference that secret`
  for (const { secret } of spec.volumes ?? []) {
    if (secret?.secretName && !mountable.has(secret.secretName)) {
      throw refuse(attributes, `volume with secret.secretName=${JSON.stringify(secret.secretName)} is not allowed ${because}`)
    }
  }
  for (const [kind, containers] of [
    ['init container', spec.initContainers ?? []],
    ['container', spec.containers ?? []],
  ] as const) {
    for (const container of containers as Container[]) checkContainer(kind, container, mountable, because, attributes)
  }
  const pullable = new Set((account.imagePullSecrets ?? []).map(({ name }) => name))
  for (const [i, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (pullable.has(name)) continue
    throw refuse(
      attributes,
      `imagePullSecrets[${i}].name=${JSON.stringify(name)} is not allowed because service account ${account.metadata.name} does not reference that imagePullSecret`,
    )
  }
}

function checkContainer(
  kind: string,
  container: Container,
  mountable: ReadonlySet<string | undefined>,
  because: string,
  attributes: Attributes,
): void {
  for (const { name, valueFrom } of container.env ?? []) {
    const secret = valueFrom?.secretKeyRef?.name
    if (secret !== undefined && !mountable.has(secret)) {
      throw refuse(
        attributes,
        `${kind} ${container.name} with envVar ${name} referencing secret.secretName=${JSON.stringify(secret)} is not allowed ${because}`,
      )
    }
  }
  for (const { secretRef } of container.envFrom ?? []) {
    if (secretRef?.name !== undefined && !mountable.has(secretRef.name)) {
      throw refuse(
        attributes,
        `${kind} ${container.name} with envFrom referencing secret.secretName=${JSON.stringify(secretRef.name)} is not allowed ${because}`,
      )
    }
  }
}
