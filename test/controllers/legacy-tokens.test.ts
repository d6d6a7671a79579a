// Tokens in Secrets: what they say, what they are good for, and what becomes of those that nobody uses.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import type { Secret, ServiceAccount } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS } from '../../shared/controllers/collections.ts'
import { legacyTokenCleaner } from '../../shared/controllers/legacytokencleaner.ts'
import { serviceAccountTokenController } from '../../shared/controllers/serviceaccounttoken.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const DAY = 24 * 3600_000
const LAST_USED = 'kubernetes.io/legacy-token-last-used'
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'

let clock: ManualClock
let api: Awaited<ReturnType<typeof createApi>>
let client: ReturnType<typeof clientFor>
let manager: Manager

beforeEach(async () => {
  clock = new ManualClock()
  const store = new MemoryStore()
  api = await createApi({ store, now: clock.now })
  client = clientFor(api.machinery, SYSTEM)
  const { registry } = api.machinery
  manager = await startManager({ store, client, registry, controllers: [serviceAccountTokenController, legacyTokenCleaner], clock })
  await client.create(SERVICE_ACCOUNTS, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'a', namespace: 'default' },
    secrets: [{ name: 't' }],
  } as ServiceAccount)
  await client.create(SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 't', namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'a' } },
  } as Secret)
  await pass(0)
})
afterEach(() => manager.stop())

async function pass(days: number): Promise<void> {
  const end = clock.now() + days * DAY
  for (;;) {
    for (let i = 0; i < 4; i++) await manager.idle()
    const next = clock.next
    if (next === undefined || next > end) break
    clock.advance(next - clock.now())
  }
  clock.advance(Math.max(0, end - clock.now()))
  for (let i = 0; i < 4; i++) await manager.idle()
}

const secret = () => client.get<Secret>(SECRETS, 'default', 't')
const tokenOf = (found: Secret | undefined) => Buffer.from(found?.data?.token ?? '', 'base64').toString()
const use = async (token: string) => {
  const { status } = await api.handle(new Request('http://api/api/v1', { headers: { authorization: `Bearer ${token}` } }))
  return status
}
const today = () => new Date(clock.now()).toISOString().slice(0, 10)

test('they name their Secret, have no end, and are good while both are there', async () => {
  const token = tokenOf(await secret())
  expect(Object.keys((await secret())?.data ?? {})).toEqual(['ca.crt', 'namespace', 'token'])
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
  const { uid } = (await client.get<ServiceAccount>(SERVICE_ACCOUNTS, 'default', 'a'))!.metadata
  expect(claims).toEqual({
    iss: 'kubernetes/serviceaccount',
    'kubernetes.io/serviceaccount/namespace': 'default',
    'kubernetes.io/serviceaccount/secret.name': 't',
    'kubernetes.io/serviceaccount/service-account.name': 'a',
    'kubernetes.io/serviceaccount/service-account.uid': uid,
    sub: 'system:serviceaccount:default:a',
  })
  expect(await use(token)).toBe(200)
  expect((await secret())?.metadata.labels).toEqual({ [LAST_USED]: today() })
  await client.patch(SECRETS, 'default', 't', { type: 'merge', body: { data: { token: Buffer.from('other').toString('base64') } } })
  expect(await use(token)).toBe(401)
})

test('a token that somebody asks for is none of them', async () => {
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: { name: '' }, spec: {} }
  const asked = await client.act<Secret & { status: { token: string } }>(SERVICE_ACCOUNTS, 'default', 'a', 'token', request as never)
  const claims = JSON.parse(Buffer.from(asked.status.token.split('.')[1]!, 'base64url').toString()) as { iss: string; exp?: number }
  expect(claims.iss).not.toBe('kubernetes/serviceaccount')
  expect(claims.exp).toBeGreaterThan(0)
})

test('one that nobody has used for a year is refused, works again when its mark is taken away, and goes a year after the mark', async () => {
  const token = tokenOf(await secret())
  await pass(200)
  expect(await use(token)).toBe(200)
  await pass(364)
  expect((await secret())?.metadata.labels?.[INVALID_SINCE]).toBeUndefined()
  await pass(3)
  expect((await secret())?.metadata.labels?.[INVALID_SINCE]).toBeDefined()
  expect(await use(token)).toBe(401)
  await client.patch(SECRETS, 'default', 't', { type: 'merge', body: { metadata: { labels: { [INVALID_SINCE]: null } } } })
  expect(await use(token)).toBe(200)
  await pass(400)
  expect((await secret())?.metadata.labels?.[INVALID_SINCE]).toBeDefined()
  await pass(400)
  expect(await secret()).toBeUndefined()
})

test('one that no account lists, or that nobody knows when it was used, is left alone', async () => {
  await client.patch(SERVICE_ACCOUNTS, 'default', 'a', { type: 'merge', body: { secrets: null } })
  await pass(1000)
  expect((await secret())?.metadata.labels).toBeUndefined()
  await client.delete(CONFIG_MAPS, 'kube-system', 'kube-apiserver-legacy-service-account-token-tracking', {})
  await client.patch(SERVICE_ACCOUNTS, 'default', 'a', { type: 'merge', body: { secrets: [{ name: 't' }] } })
  await pass(1000)
  expect((await secret())?.metadata.labels).toBeUndefined()
})
