// What people get wrong, and what they are told. The words are upstream's; kubectl prints them.
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Cluster } from '../tools/cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare({ flags: ['--nodes', '0', '--store', 'memory'] })
  await cluster.start()
})
afterAll(() => cluster?.destroy())

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ name: c, image: i }] }\n'

test.each([
  ['YAML that is none', 'apiVersion: v1\nkind: [Pod', /error parsing STDIN: error converting YAML to JSON/],
  ['an unknown kind', 'apiVersion: v1\nkind: Pot\nmetadata: { name: p }', /no matches for kind "Pot" in version "v1"/],
  ['an unknown field', POD.replace('image: i', 'image: i, imagge: x'), /unknown field "spec.containers\[0\].imagge"/],
  [
    'a name with a capital',
    POD.replace('name: p', 'name: P'),
    /metadata.name: Invalid value: "P": a lowercase RFC 1123 subdomain must consist of/,
  ],
  [
    'a bad label',
    POD.replace('name: p', "name: p, labels: { a: 'no spaces' }"),
    /metadata.labels: Invalid value: "no spaces": a valid label must be/,
  ],
  ['a field that is missing', POD.replace('name: c, image: i', 'image: i'), /spec.containers\[0\].name: Required value/],
  ['a wrong type', POD.replace('image: i', 'image: 5'), /(cannot unmarshal number into Go struct field|expected string)/],
  [
    'a wrong quantity',
    POD.replace('image: i', 'image: i, resources: { limits: { memory: lots } }'),
    /quantities must match the regular expression/,
  ],
])('%s', async (_, manifest, message) => {
  const { code, stderr } = await cluster.try('1.36', ['apply', '-f', '-'], { input: manifest })
  expect(stderr).toMatch(message)
  expect(code).toBe(1)
})

test('a wrong resourceVersion is a conflict', async () => {
  await cluster.kubectl('create configmap c --from-literal=a=1')
  const before = await cluster.kubectl('get configmap c -o yaml')
  await cluster.kubectl(`patch configmap c -p '{"data":{"a":"2"}}'`)
  const { code, stderr } = await cluster.try('1.36', ['replace', '-f', '-'], { input: before })
  expect(code).toBe(1)
  expect(stderr).toContain(
    'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
  )
})

test('what is not there: NotFound; what is there already: AlreadyExists', async () => {
  expect((await cluster.try('1.36', ['get', 'pod', 'ghost'])).stderr).toBe('Error from server (NotFound): pods "ghost" not found\n')
  expect((await cluster.try('1.36', ['create', 'namespace', 'default'])).stderr).toBe(
    'Error from server (AlreadyExists): namespaces "default" already exists\n',
  )
  expect((await cluster.try('1.36', ['create', 'configmap', 'x', '-n', 'nowhere'])).stderr).toContain('namespaces "nowhere" not found')
})

test('bodies that no kubectl would send: malformed JSON, half a protobuf, too large, no credentials', async () => {
  const json = { 'content-type': 'application/json' }
  expect(await post(json, '{"kind":')).toMatchObject({ code: 400, reason: 'BadRequest' })
  const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' }
  expect(await post(protobuf, Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0x40, 0x0a, 0x02])]))).toMatchObject({
    code: 400,
    reason: 'BadRequest',
  })
  expect(
    await post(json, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { a: 'x'.repeat(3 << 20) } })),
  ).toMatchObject({
    code: 413,
    reason: 'RequestEntityTooLarge',
  })
  expect(await post({ ...json, authorization: 'Bearer wrong' }, '{}')).toMatchObject({ code: 401, reason: 'Unauthorized' })
})

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { user: { token: string } }[]
}

/** Answers the Status. */
function post(headers: Record<string, string>, body: string | Buffer): Promise<{ kind: string; code: number; reason: string }> {
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig
  const { server, 'certificate-authority-data': ca } = config.clusters[0]!.cluster
  const authorization = `Bearer ${config.users[0]!.user.token}`
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${server}/api/v1/namespaces/default/configmaps`,
      { method: 'POST', ca: Buffer.from(ca, 'base64'), headers: { authorization, ...headers } },
      response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve(JSON.parse(text)))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
