// What clients may call things, JavaScript objects call things too: such names are data here, like any other.
import { beforeEach, describe, expect, it } from 'vitest'
import { startApi, type TestApi, template } from './api.ts'

const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']
const MAPS = '/api/v1/namespaces/default/configmaps'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const APPLY = 'application/apply-patch+yaml'

/** {[name]: value} also for "__proto__", which an object literal would take for something else. */
const one = (name: string, value: unknown) => Object.fromEntries([[name, value]])
const keys = (object: object | undefined) => Object.keys(object ?? {})
/** "__proto__" is no label: it must begin with a letter. */
const isLabel = (name: string) => !name.startsWith('_')

describe.each(NAMES)('%s', name => {
  let api: TestApi

  beforeEach(async () => {
    api = await startApi()
  })

  it('is a key of a ConfigMap', async () => {
    const created = await api.send('POST', MAPS, { metadata: { name: 'm' }, data: one(name, 'v') })
    expect(created).toMatchObject({ code: 201 })
    const { body } = await api.send('GET', `${MAPS}/m`)
    expect(Object.entries(body.data)).toEqual([[name, 'v']])
    expect(body.metadata.managedFields[0].fieldsV1['f:data'][`f:${name}`]).toEqual({})
  })

  it.each([
    [MERGE, { data: one(name, 'v') }],
    [STRATEGIC, { data: one(name, 'v') }],
    [JSON_PATCH, [{ op: 'add', path: `/data/${name}`, value: 'v' }]],
  ])('is added by a patch of type %s, and removed again', async (type, patch) => {
    await api.send('POST', MAPS, { metadata: { name: 'm' }, data: { other: 'o' } })
    const added = await api.send('PATCH', `${MAPS}/m`, patch, type)
    expect([added.code, keys(added.body.data).sort()]).toEqual([200, [name, 'other'].sort()])
    expect((await api.send('GET', `${MAPS}/m`)).body.metadata.resourceVersion).toBe(added.body.metadata.resourceVersion)
    const removal = type === JSON_PATCH ? [{ op: 'remove', path: `/data/${name}` }] : { data: one(name, null) }
    const removed = await api.send('PATCH', `${MAPS}/m`, removal, type)
    expect([removed.code, keys(removed.body.data)]).toEqual([200, ['other']])
  })

  it('is applied and owned', async () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: one(name, 'v') }
    await api.send('PATCH', `${MAPS}/m?fieldManager=a`, body, APPLY)
    const other = { ...body, data: one(name, 'w') }
    const conflict = await api.send('PATCH', `${MAPS}/m?fieldManager=b`, other, APPLY)
    expect([conflict.code, conflict.body.details.causes[0].field]).toEqual([409, `.data.${name}`])
    const gone = await api.send('PATCH', `${MAPS}/m?fieldManager=a`, { ...body, data: { x: 'y' } }, APPLY)
    expect(keys(gone.body.data)).toEqual(['x'])
  })

  it.runIf(isLabel(name))('is a label, also as the only thing that a write adds, and can be selected by', async () => {
    await api.send('POST', MAPS, { metadata: { name: 'bare' } })
    const { body: before } = await api.send('POST', MAPS, { metadata: { name: 'm', labels: { a: 'b' } } })
    const labelled = await api.send('PUT', `${MAPS}/m`, { metadata: { name: 'm', labels: { a: 'b', [name]: 'x' } } })
    expect([labelled.code, labelled.body.metadata.labels[name]]).toEqual([200, 'x'])
    expect(labelled.body.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion)
    const select = async (selector: string) => {
      const { code, body } = await api.send('GET', `${MAPS}?labelSelector=${encodeURIComponent(selector)}`)
      return [code, body.items?.map((item: { metadata: { name: string } }) => item.metadata.name)]
    }
    expect(await select(name)).toEqual([200, ['m']])
    expect(await select(`${name}=x`)).toEqual([200, ['m']])
    expect(await select(`a in (${name}, b)`)).toEqual([200, ['m']])
    expect((await select(`!${name}`))[1]).toContain('bare')
    expect((await select(`!${name}`))[1]).not.toContain('m')
  })

  it('is a field that no kind can be selected by', async () => {
    expect(await api.send('GET', `/api/v1/pods?fieldSelector=${name}%3Dx`)).toMatchObject({
      code: 400,
      body: { message: `field label not supported: ${name}` },
    })
  })

  it('is no subresource, media type or resource', async () => {
    await api.send('POST', MAPS, { metadata: { name: 'm' } })
    expect(await api.send('GET', `${MAPS}/m/${name}`)).toMatchObject({ code: 404 })
    expect(await api.send('POST', `/api/v1/namespaces/default/${name}`, {})).toMatchObject({ code: 404 })
  })

  it('is a resource that no container may ask for', async () => {
    await api.send('POST', '/api/v1/namespaces/default/limitranges', {
      metadata: { name: 'l' },
      spec: { limits: [{ type: 'Container', default: { cpu: '1' }, max: { cpu: '2' } }] },
    })
    const resources = { limits: one(name, '1') }
    const spec = { containers: [{ ...template.spec.containers[0], resources }] }
    const { code, body } = await api.send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec })
    expect([code, body.details.causes[0].field]).toEqual([422, `spec.containers[0].resources.limits[${name}]`])
  })

  it('leaves every other object as it is', async () => {
    await api.send('POST', MAPS, { metadata: { name: 'm' }, data: one(name, 'v') })
    await api.send('PATCH', `${MAPS}/m`, JSON.parse(`{"data":{"${name}":"w"},"${name}":{"polluted":"yes"}}`), MERGE)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
