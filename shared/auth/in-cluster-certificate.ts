// The certificate under which pods see the API at its in-cluster names, where the API's own is for another name and by somebody else's
// authority (a Function URL). Agents serve it on the loopback of their pods, and pass on to the API. Made once, for as long as the cluster lives.
import { createPrivateKey } from 'node:crypto'
import type { Secret } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { SECRETS } from '../controllers/collections.ts'

export interface InClusterCertificate {
  /** PEM of an authority that signed this and nothing else: its key was not kept. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const NAMESPACE = 'kube-system'
const NAME = 'zeroplane-in-cluster-api'
const DAY = 86_400_000
const LIFETIME_MS = 3650 * DAY
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOSTS = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']

export async function findInClusterCertificate(client: Pick<Client, 'get'>): Promise<InClusterCertificate | undefined> {
  const data = (await client.get<Secret>(SECRETS, NAMESPACE, NAME))?.data
  const text = (name: string) => Buffer.from(data?.[name] ?? '', 'base64').toString()
  return data && { ca: text('ca.crt'), cert: text('tls.crt'), key: text('tls.key') }
}

/** `address`: where agents listen for the API. */
export async function ensureInClusterCertificate(client: Client, address: string, now: number): Promise<InClusterCertificate> {
  const found = await findInClusterCertificate(client)
  if (found) return found
  const made = await make(address, now)
  const encoded = (text: string) => Buffer.from(text).toString('base64')
  try {
    await client.create<Secret>(SECRETS, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: NAMESPACE, name: NAME },
      type: 'kubernetes.io/tls',
      data: { 'ca.crt': encoded(made.ca), 'tls.crt': encoded(made.cert), 'tls.key': encoded(made.key) },
    })
    return made
  } catch (error) {
    // Somebody else made it in between: theirs it is.
    const theirs = isStatus(error, 'AlreadyExists') ? await findInClusterCertificate(client) : undefined
    if (theirs) return theirs
    throw error
  }
}

async function make(address: string, now: number): Promise<InClusterCertificate> {
  await import('reflect-metadata') // x509's container needs it and leaves bringing it to us
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(crypto)
  const generate = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const [authorityKeys, keys] = [await generate(), await generate()]
  const lifetime = { notBefore: new Date(now - DAY), notAfter: new Date(now + LIFETIME_MS), signingAlgorithm: ALGORITHM }
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...lifetime,
    serialNumber: '01',
    name: 'CN=zeroplane-in-cluster-ca',
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
    subject: 'CN=kube-apiserver',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...HOSTS.map(value => ({ type: 'dns' as const, value })),
        { type: 'ip' as const, value: address },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  })
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { ca: `${authority.toString('pem')}\n`, cert: `${certificate.toString('pem')}\n`, key }
}
