// A conversion webhook that really answers: v1 has "name", v2 has "first" and "last".
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { serverCertificate } from '../../localstack/host/certificates.ts'
import { startApi, type TestApi } from './api.ts'

const folder = mkdtempSync(join(tmpdir(), 'zeroplane-conversion-'))
const MERGE = 'application/merge-patch+json'

interface Person {
  readonly apiVersion: string
  readonly metadata: object
  readonly spec: { readonly name?: string; readonly first?: string; readonly last?: string }
}

let server: Server
let caBundle: string
let port: number
let broken: string | undefined

function convert(person: Person, apiVersion: string): object {
  const { name, first, last } = person.spec
  const [one = '', two = ''] = (name ?? `${first} ${last}`).split(' ')
  return { ...person, apiVersion, spec: apiVersion.endsWith('v1') ? { name: `${one} ${two}` } : { first: one, last: two } }
}

beforeAll(async () => {
  const certificate = await serverCertificate(folder, ['127.0.0.1'], Date.now())
  caBundle = Buffer.from(certificate.ca).toString('base64')
  server = createServer({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { uid, desiredAPIVersion, objects } = (
      JSON.parse(text) as { request: { uid: string; desiredAPIVersion: string; objects: Person[] } }
    ).request
    const result = broken === undefined ? { status: 'Success' } : { status: 'Failed', message: broken }
    const convertedObjects = objects.map(object => convert(object, desiredAPIVersion))
    response.end(
      JSON.stringify({ kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', response: { uid, result, convertedObjects } }),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

let api: TestApi
const path = (version: string) => `/apis/people.example/${version}/namespaces/default/people`
const person = (version: string, name: string, spec: object) => ({
  apiVersion: `people.example/${version}`,
  kind: 'Person',
  metadata: { name },
  spec,
})

beforeEach(async () => {
  broken = undefined
  api = await startApi()
  const text = { type: 'string' }
  const schema = (properties: object) => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } })
  const definition = {
    metadata: { name: 'people.people.example' },
    spec: {
      group: 'people.example',
      scope: 'Namespaced',
      names: { plural: 'people', singular: 'person', kind: 'Person' },
      versions: [
        { name: 'v1', served: true, storage: true, schema: schema({ name: text }) },
        { name: 'v2', served: true, storage: false, schema: schema({ first: text, last: text }) },
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle } },
      },
    },
  }
  expect(await api.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).toMatchObject({ code: 201 })
})

it('reads, lists, writes and patches every version of what is stored in one', async () => {
  await api.send('POST', path('v1'), person('v1', 'ada', { name: 'Ada Lovelace' }))
  expect(await api.send('GET', `${path('v2')}/ada`)).toMatchObject({
    code: 200,
    body: { apiVersion: 'people.example/v2', spec: { first: 'Ada', last: 'Lovelace' } },
  })
  expect(await api.send('POST', path('v2'), person('v2', 'alan', { first: 'Alan', last: 'Turing' }))).toMatchObject({
    code: 201,
    body: { spec: { first: 'Alan' } },
  })
  expect((await api.send('GET', path('v1'))).body.items.map(({ spec }: Person) => spec)).toEqual([
    { name: 'Ada Lovelace' },
    { name: 'Alan Turing' },
  ])
  expect(await api.send('PATCH', `${path('v2')}/ada`, { spec: { last: 'Byron' } }, MERGE)).toMatchObject({
    code: 200,
    body: { spec: { first: 'Ada', last: 'Byron' } },
  })
  expect((await api.send('GET', `${path('v1')}/ada`)).body.spec).toEqual({ name: 'Ada Byron' })
})

it('keeps what was stored in an older version when another one is stored from now on', async () => {
  await api.send('POST', path('v1'), person('v1', 'ada', { name: 'Ada Lovelace' }))
  const swap = [
    { op: 'replace', path: '/spec/versions/0/storage', value: false },
    { op: 'replace', path: '/spec/versions/1/storage', value: true },
  ]
  await api.send(
    'PATCH',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/people.people.example',
    swap,
    'application/json-patch+json',
  )
  expect((await api.send('GET', `${path('v1')}/ada`)).body.spec).toEqual({ name: 'Ada Lovelace' })
  expect((await api.send('GET', `${path('v2')}/ada`)).body.spec).toEqual({ first: 'Ada', last: 'Lovelace' })
  expect(await api.send('PATCH', `${path('v1')}/ada`, { metadata: { labels: { a: 'b' } } }, MERGE)).toMatchObject({
    code: 200,
    body: { spec: { name: 'Ada Lovelace' } },
  })
  expect((await api.send('GET', `${path('v2')}/ada`)).body.spec).toEqual({ first: 'Ada', last: 'Lovelace' })
})

it('says why it could not convert, and loses nothing', async () => {
  await api.send('POST', path('v1'), person('v1', 'ada', { name: 'Ada Lovelace' }))
  broken = 'out of ink'
  const { code, body } = await api.send('GET', `${path('v2')}/ada`)
  expect([code, body.message]).toEqual([500, expect.stringContaining('failed: out of ink')])
  expect(await api.send('GET', `${path('v1')}/ada`)).toMatchObject({ code: 200 })
})
