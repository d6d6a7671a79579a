// Who we are to servers behind APIServices: a certificate of an authority that is the cluster's own, made when the first of them comes, and
// kept where no API path reaches. What they must know of it is in kube-system/extension-apiserver-authentication, as upstream has it.
import { createPrivateKey } from 'node:crypto'
import type { ConfigMap } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { ExistsError, type Store } from '../store/types.ts'

/** Registered nowhere, so that no request names it. */
const KEYS: GroupResource = { group: 'internal.zeroplane', resource: 'keys' }
const KEY = '/front-proxy-client'
const CONFIG_MAPS: GroupResource = { group: '', resource: 'configmaps' }
const NAME = 'front-proxy-client'
const DAY = 86_400_000
const YEARS_MS = 3650 * DAY
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface FrontProxy {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

interface StoredFrontProxy extends KubeObject, FrontProxy {}

/** The one there is. Undefined: no APIService has asked for it yet. */
export async function findFrontProxy(store: Pick<Store, 'get'>): Promise<FrontProxy | undefined> {
  return (await store.get(KEYS, KEY))?.object as StoredFrontProxy | undefined
}

/** Made if it is not there, and told to servers if they were not. */
export async function ensureFrontProxy(store: Pick<Store, 'get' | 'create'>, client: Client, now: number): Promise<FrontProxy> {
  let found = await findFrontProxy(store)
  if (found === undefined) {
    const made: StoredFrontProxy = {
      apiVersion: 'internal.zeroplane/v1',
      kind: 'FrontProxy',
      metadata: { name: NAME },
      ...(await makeFrontProxy(now)),
    }
    try {
      await store.create(KEYS, KEY, made)
      found = made
    } catch (error) {
      // Another environment was first, and its own counts.
      if (!(error instanceof ExistsError)) throw error
      found = (await findFrontProxy(store))!
    }
  }
  await tell(client, found.ca)
  return found
}

async function tell(client: Client, ca: string): Promise<void> {
  const [namespace, name] = ['kube-system', 'extension-apiserver-authentication']
  if ((await client.get(CONFIG_MAPS, namespace, name)) !== undefined) return
  const data = {
    'requestheader-allowed-names': JSON.stringify([NAME]),
    'requestheader-client-ca-file': ca,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  }
  try {
    await client.create<ConfigMap>(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data })
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error
  }
}

async function makeFrontProxy(now: number): Promise<FrontProxy> {
  await import('reflect-metadata') // x509's container needs it and leaves bringing it to us
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(crypto)
  const generate = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const [authorityKeys, keys] = [await generate(), await generate()]
  const lifetime = { notBefore: new Date(now - DAY), notAfter: new Date(now + YEARS_MS), signingAlgorithm: ALGORITHM }
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...lifetime,
    serialNumber: '01',
    name: 'CN=front-proxy-ca',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const certificate = await x509.X509CertificateGenerator.create({
    ...lifetime,
    serialNumber: '02',
    subject: `CN=${NAME}`,
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  })
  // The authority's key is not kept: it has signed what it was made for.
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { ca: `${authority.toString('pem')}\n`, cert: `${certificate.toString('pem')}\n`, key }
}
