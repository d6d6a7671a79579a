// FlowSchemas and PriorityLevelConfigurations that every cluster has, and whether schemas find their level.
import { expect, it } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { startApi } from './api.ts'

const GROUP = '/apis/flowcontrol.apiserver.k8s.io/v1'
const SCHEMAS = { group: 'flowcontrol.apiserver.k8s.io', resource: 'flowschemas' }
const schema = (name: string, level: string) => ({ metadata: { name }, spec: { priorityLevelConfiguration: { name: level }, rules: [] } })
const level = (name: string) => ({ metadata: { name }, spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } })

it('they are there for who looks, and cost nothing before', async () => {
  const store = new MemoryStore()
  await createApi({ store })
  expect((await store.list(SCHEMAS)).items).toHaveLength(0)
  const [a, b] = await Promise.all([startApi({ store }), startApi({ store })])
  const lists = await Promise.all([a, b].map(api => api.send('GET', `${GROUP}/flowschemas`)))
  for (const { body } of lists) expect(body.items).toHaveLength(11)
  const revision = await store.revision(SCHEMAS)
  const levels = (await a.send('GET', `${GROUP}/prioritylevelconfigurations`)).body.items.map(
    (one: { metadata: { name: string } }) => one.metadata.name,
  )
  expect(levels).toHaveLength(8)
  for (const { spec, status } of lists[0]?.body.items ?? []) {
    expect(levels).toContain(spec.priorityLevelConfiguration.name)
    expect(status.conditions).toMatchObject([{ type: 'Dangling', status: 'False', reason: 'Found' }])
  }
  const later = await startApi({ store })
  await later.send('GET', `${GROUP}/flowschemas/exempt`)
  expect(await store.revision(SCHEMAS)).toBe(revision)
})

it('a schema says whether its level is there, whichever comes and goes first', async () => {
  const api = await startApi()
  const dangling = async () => {
    const { conditions } = (await api.send('GET', `${GROUP}/flowschemas/mine`)).body.status
    return conditions.map(({ status, reason }: { status: string; reason: string }) => `${status} ${reason}`)
  }
  expect(await api.send('POST', `${GROUP}/flowschemas`, schema('mine', 'own'))).toMatchObject({ code: 201, body: { status: {} } })
  expect(await dangling()).toEqual(['True NotFound'])
  await api.send('POST', `${GROUP}/prioritylevelconfigurations`, level('own'))
  expect(await dangling()).toEqual(['False Found'])
  await api.send('DELETE', `${GROUP}/prioritylevelconfigurations/own`)
  expect(await dangling()).toEqual(['True NotFound'])
  await api.send(
    'PATCH',
    `${GROUP}/flowschemas/mine`,
    { spec: { priorityLevelConfiguration: { name: 'exempt' } } },
    'application/merge-patch+json',
  )
  expect(await dangling()).toEqual(['False Found'])
})
