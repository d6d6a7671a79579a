// Cluster addresses and node ports: each is given once, and given back.
import { beforeEach, describe, expect, it } from 'vitest'
import { startApi, type TestApi } from './api.ts'

const SERVICES = '/api/v1/namespaces/default/services'
const service = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })
const ports = ({ spec }: { spec: { ports: { nodePort?: number }[] } }) => spec.ports.map(({ nodePort }) => nodePort)

describe('addresses and ports of services', () => {
  let api: TestApi
  beforeEach(async () => {
    api = await startApi({ serviceCidr: '10.96.0.0/26', nodePorts: [30_000, 30_063] })
  })

  it('gives no address and no port twice, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => api.send('POST', SERVICES, service(`s${i}`, { type: 'NodePort' }))),
    )
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => body.spec.clusterIP)).size).toBe(40)
    expect(new Set(answers.flatMap(({ body }) => ports(body))).size).toBe(40)
  })

  it('gives a wanted one to the first who asks', async () => {
    const wanted = service('a', { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30_005 }] })
    const answers = await Promise.all([1, 2, 3, 4].map(i => api.send('POST', SERVICES, { ...wanted, metadata: { name: `s${i}` } })))
    expect(answers.map(({ code }) => code).sort()).toEqual([201, 422, 422, 422])
  })

  it('takes nothing for a service that is refused, or only tried', async () => {
    const bad = service('Bad_Name', { clusterIP: '10.96.0.9' })
    expect((await api.send('POST', SERVICES, bad)).code).toBe(422)
    expect((await api.send('POST', `${SERVICES}?dryRun=All`, service('tried', { clusterIP: '10.96.0.9' }))).code).toBe(201)
    expect((await api.send('POST', SERVICES, service('good', { clusterIP: '10.96.0.9' }))).code).toBe(201)
  })

  it('takes back what a deleted service had', async () => {
    const wanted = service('s', { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30_005 }] })
    await api.send('POST', SERVICES, wanted)
    await api.send('DELETE', `${SERVICES}/s`)
    expect((await api.send('POST', SERVICES, wanted)).code).toBe(201)
  })

  it('says when there are no more', async () => {
    const answers: number[] = []
    for (let i = 0; i < 64; i++) answers.push((await api.send('POST', SERVICES, service(`s${i}`))).code)
    // 62 hosts, of which the API's own service has one.
    expect(answers.filter(code => code === 201)).toHaveLength(61)
    expect(answers.at(-1)).toBe(500)
  })
})
