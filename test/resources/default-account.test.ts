import { expect, test } from 'vitest'
import { podSpec, startApi } from './api.ts'

const pod = { metadata: { name: 'a' }, spec: podSpec }

test('a pod of a namespace just made waits for the account that its controller makes', async () => {
  const api = await startApi()
  await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'new' } })
  const created = api.send('POST', '/api/v1/namespaces/new/pods', pod)
  await api.send('POST', '/api/v1/namespaces/new/serviceaccounts', { metadata: { name: 'default' } })
  expect((await created).code).toBe(201)
})

test('and is refused when nobody makes it', { timeout: 30_000 }, async () => {
  const api = await startApi()
  await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'new' } })
  const { body } = await api.send('POST', '/api/v1/namespaces/new/pods', pod)
  expect(body.message).toBe('pods "a" is forbidden: error looking up service account new/default: serviceaccount "default" not found')
})
