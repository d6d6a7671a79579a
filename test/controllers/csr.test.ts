import { afterEach, expect, test } from 'vitest'
import type { CertificateSigningRequest } from '../../shared/api/certificates/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { CERTIFICATE_SIGNING_REQUESTS } from '../../shared/controllers/collections.ts'
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

async function ask(name: string, decision?: 'Approved' | 'Denied'): Promise<void> {
  await cluster.client.create(CERTIFICATE_SIGNING_REQUESTS, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request: Buffer.from(REQUEST).toString('base64'), signerName: 'example.com/signer', usages: ['client auth'] },
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
