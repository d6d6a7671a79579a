import { X509Certificate } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { CertificateSigningRequest } from '../../shared/api/certificates/v1.ts'
import type { Secret } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { objection, SIGNERS, validity } from '../../shared/controllers/certificates/rules.ts'
import { CERTIFICATE_SIGNING_REQUESTS, NAMESPACES, SECRETS } from '../../shared/controllers/collections.ts'
import { expiry } from '../../shared/controllers/csrcleaner.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import { TestCluster } from './cluster.ts'

const HOUR = 3600

/** openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=someone */
const REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIHMMHQCAQAwEjEQMA4GA1UEAwwHc29tZW9uZTBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABBPI0M6uE+XsRpa4Cn3ImGn0OIWUoGK5uPEnJwLg3BpD5+Hoj9wCHXWt
Adp2n9xHm4bILNm9rib/Ifje61ZQwkOgADAKBggqhkjOPQQDAgNIADBFAiB4Pfk3
tY+EbqbZGJJBh0KVkcHkMlhzppXZnonQIjRdowIhAPo2/QqREu2lKlYGGotRFV7+
qKmw5O+/qnh8OPTTZuVB
-----END CERTIFICATE REQUEST-----
`

let cluster: TestCluster
afterEach(() => cluster?.stop())

async function ask(name: string, decision?: 'Approved' | 'Denied', spec: object = {}): Promise<void> {
  await cluster.client.create(CERTIFICATE_SIGNING_REQUESTS, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request: Buffer.from(REQUEST).toString('base64'), signerName: 'example.com/signer', usages: ['client auth'], ...spec },
  } as KubeObject)
  if (decision === undefined) return
  const conditions = [{ type: decision, status: 'True', reason: 'Test', lastUpdateTime: timestamp(cluster.clock.now()) }]
  await cluster.client.patch(CERTIFICATE_SIGNING_REQUESTS, undefined, name, {
    type: 'merge',
    body: { status: { conditions } },
    subresource: 'approval',
  })
}

const left = async () => (await cluster.store.list(CERTIFICATE_SIGNING_REQUESTS)).items.map(({ object }) => object.metadata.name)

test('a request that was denied goes after an hour, one that nobody looks at after a day, and one that waits for its signer stays', async () => {
  cluster = await TestCluster.start()
  await ask('denied', 'Denied')
  await ask('ignored')
  await ask('approved', 'Approved')
  await cluster.pass(HOUR - 10)
  expect(await left()).toEqual(['approved', 'denied', 'ignored'])
  await cluster.pass(20)
  expect(await left()).toEqual(['approved', 'ignored'])
  await cluster.pass(23 * HOUR)
  expect(await left()).toEqual(['approved'])
  expect(cluster.clock.pending).toBe(0)
})

test('an issued certificate is fetched within an hour, or until it ends', () => {
  const metadata = { name: 'x', creationTimestamp: '2030-01-01T00:00:00Z' }
  const conditions = [{ type: 'Approved', status: 'True', lastUpdateTime: '2030-01-01T10:00:00Z' }]
  const request = (certificate?: string) => ({ metadata, status: { conditions, certificate } }) as unknown as CertificateSigningRequest
  expect(expiry(request())).toBeUndefined()
  expect(expiry(request(Buffer.from('no certificate').toString('base64')))).toBe(Date.parse('2030-01-01T11:00:00Z'))
})

const read = async (name: string) => (await cluster.client.get<CertificateSigningRequest>(CERTIFICATE_SIGNING_REQUESTS, undefined, name))!
const signedFor = { signerName: SIGNERS.client, usages: ['digital signature', 'client auth'] }

test('what is approved for a signer that every cluster has is signed, by one authority', async () => {
  cluster = await TestCluster.start()
  await cluster.client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } })
  await ask('year', 'Approved', signedFor)
  await ask('hour', 'Approved', { ...signedFor, expirationSeconds: 3600 })
  await ask('other', 'Approved')
  await ask('denied', 'Denied', signedFor)
  await cluster.calm()
  const authority = (await cluster.client.get<Secret>(SECRETS, 'kube-system', 'zeroplane-signing-ca'))!
  const ca = new X509Certificate(Buffer.from(authority.data!['tls.crt']!, 'base64'))
  const certificate = async (name: string) => new X509Certificate(Buffer.from((await read(name)).status!.certificate!, 'base64'))
  for (const [name, minutes] of [
    ['year', 365 * 24 * 60],
    ['hour', 65],
  ] as const) {
    const made = await certificate(name)
    expect(made.verify(ca.publicKey)).toBe(true)
    expect(made.checkIssued(ca)).toBe(true)
    expect(made.subject).toBe('CN=someone')
    expect(made.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(made.ca).toBe(false)
    expect((made.validToDate.getTime() - made.validFromDate.getTime()) / 60_000).toBe(minutes)
  }
  expect((await read('other')).status?.certificate).toBeUndefined()
  expect((await read('denied')).status?.certificate).toBeUndefined()
})

test('what a signer does not sign fails, and says why', async () => {
  cluster = await TestCluster.start()
  await ask('server', 'Approved', { ...signedFor, usages: ['server auth'] })
  await cluster.calm()
  expect((await read('server')).status?.conditions?.[1]).toMatchObject({
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message: 'invalid usage for client certificate: server auth',
  })
  expect(await cluster.client.get(SECRETS, 'kube-system', 'zeroplane-signing-ca')).toBeUndefined()
})

test('the signers of nodes look at subject, names and usages', () => {
  const node = { commonNames: ['system:node:a'], organizations: ['system:nodes'], names: [] }
  const client = ['digital signature', 'client auth']
  const serving = ['digital signature', 'key encipherment', 'server auth']
  const dns = [{ type: 'dns', value: 'a' }]
  expect(objection(SIGNERS.kubeletClient, node, client)).toBeUndefined()
  expect(objection(SIGNERS.kubeletClient, { ...node, organizations: ['x'] }, client)).toBe('subject organization is not system:nodes')
  expect(objection(SIGNERS.kubeletClient, { ...node, commonNames: ['x'] }, client)).toBe(
    'subject common name does not begin with system:node:',
  )
  expect(objection(SIGNERS.kubeletClient, { ...node, names: dns }, client)).toBe('DNS subjectAltNames are not allowed')
  expect(objection(SIGNERS.kubeletClient, node, serving)).toBe('usages did not match [client auth digital signature]')
  expect(objection(SIGNERS.kubeletServing, { ...node, names: dns }, serving)).toBeUndefined()
  expect(objection(SIGNERS.kubeletServing, node, serving)).toBe('DNS or IP subjectAltName is required')
  expect(objection(SIGNERS.legacy, { commonNames: [], organizations: [], names: dns }, ['any'])).toBeUndefined()
  expect(validity(60, 0)).toEqual({ from: -300_000, to: 600_000 })
})
