// Real applications. Their images are played by stand-ins (demo/stand-ins), which speak as much of each protocol as shows that names lead
// to the right pods, volumes keep their files and things start in the right order.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { GHOST, GHOST_MYSQL, ghost, MYSQL, PASSWORD } from './applications/ghost.ts'
import { MONGO, MONGO_INIT, PARSE } from './applications/parse.ts'
import { REDIS_CONFIG, redis } from './applications/redis.ts'
import { chapter, eventually, type Reader } from './book.ts'

const { row } = chapter(11)

/** As the book makes them: from files, each under its own name. */
async function configMap(reader: Reader, name: string, files: Readonly<Record<string, string>>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-book-'))
  try {
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
    const from = Object.keys(files).map(file => `--from-file=${file}=${join(folder, file)}`)
    expect(await reader.kubectl(`create configmap ${from.join(' ')} ${name}`)).toBe(`configmap/${name} created\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const podNamed = async (reader: Reader, name: string): Promise<Pod | undefined> =>
  (await reader.readyPods()).find(({ metadata }) => metadata.name === name)

/** Deletes a pod of a StatefulSet and waits for the one of the same name that comes after it. */
async function replaced(reader: Reader, name: string): Promise<Pod> {
  const before = await podNamed(reader, name)
  expect(await reader.kubectl(`delete pod ${name}`, { timeout: 120_000 })).toContain(`pod "${name}" deleted`)
  return await eventually(`another ${name} is ready`, async () => {
    const after = await podNamed(reader, name)
    return after?.metadata.uid !== before?.metadata.uid && after
  })
}

async function forwarded(reader: Reader, what: string): Promise<string> {
  const forwarding = reader.watch(`port-forward ${what}`)
  const port = await eventually('it is forwarded', () => /Forwarding from 127\.0\.0\.1:(\d+) ->/.exec(forwarding.seen)?.[1])
  return `http://127.0.0.1:${port}`
}

row(
  'Redis: each pod takes its role by its name, and is found by it',
  async reader => {
    await configMap(reader, 'redis-config', REDIS_CONFIG)
    const watch = reader.watch('get pods -w --no-headers')
    await reader.apply(redis(reader.isOld ? 'apps/v1beta1' : 'apps/v1'))
    await eventually('three pods of Redis are ready', async () => (await reader.readyPods('app=redis')).length === 3, 300_000)
    // Each comes when the one before it is ready.
    const firstSight = (text: RegExp) => watch.seen.search(text)
    for (const number of [1, 2])
      expect(firstSight(new RegExp(`^redis-${number} `, 'm'))).toBeGreaterThan(firstSight(new RegExp(`^redis-${number - 1} +2/2`, 'm')))

    const cli = (pod: string, command: string) => `exec ${pod} -c redis -- redis-cli -p 6379 ${command}`
    const sentinel = (pod: string, command: string) => `exec ${pod} -c sentinel -- redis-cli -p 26379 ${command}`
    await reader.see(cli('redis-0', 'info replication'), /role:master\s+connected_slaves:2\s/)
    for (const pod of ['redis-1', 'redis-2'])
      await reader.see(cli(pod, 'info replication'), /role:slave\s+master_host:redis-0\.redis\s+master_port:6379\s+master_link_status:up/)
    expect(await reader.kubectl(cli('redis-0', 'set foo 10'))).toBe('OK\n')
    for (const pod of ['redis-1', 'redis-2']) await reader.see(cli(pod, 'get foo'), /^10\n$/)
    expect(await reader.kubectl(cli('redis-2', 'set foo 11'))).toContain('READONLY')

    const primaryIs = async (address = '') => {
      for (const pod of ['redis-0', 'redis-1', 'redis-2'])
        await reader.see(sentinel(pod, 'sentinel get-master-addr-by-name redis'), `${address}\n6379\n`)
      await reader.see(sentinel('redis-2', 'info sentinel'), `master0:name=redis,status=ok,address=${address}:6379,slaves=2,sentinels=3`)
    }
    await primaryIs((await podNamed(reader, 'redis-0'))?.status?.podIP)

    // A container that ends runs again in the same pod, on the same emptyDir.
    await reader.try(cli('redis-0', 'shutdown'))
    await reader.see('get pod redis-0 --no-headers', /^redis-0 +2\/2 +Running +1 /)
    await reader.see(cli('redis-0', 'get foo'), /^10\n$/)

    // A pod that is deleted comes back under its name, with another address: everybody finds it.
    const { status } = await replaced(reader, 'redis-0')
    await reader.see(cli('redis-0', 'info replication'), /role:master\s+connected_slaves:2\s/)
    await primaryIs(status?.podIP)
    expect(await reader.kubectl(cli('redis-0', 'set foo 12'))).toBe('OK\n')
    for (const pod of ['redis-1', 'redis-2']) await reader.see(cli(pod, 'get foo'), /^12\n$/)
  },
  { slow: true },
)

row('Ghost, with its configuration from a ConfigMap', async reader => {
  await configMap(reader, 'ghost-config', GHOST)
  expect(await reader.apply(ghost('ghost-config'))).toBe('deployment.apps/ghost created\n')
  await reader.kubectl('rollout status deployment ghost --timeout=240s', { timeout: 260_000 })
  expect(await reader.kubectl('expose deployments ghost --port=2368')).toBe('service/ghost exposed\n')
  const page = await fetch(await forwarded(reader, 'service/ghost :2368'))
  expect(page.status).toBe(200)
  const text = await page.text()
  expect(text).toMatch(/<h1>Ghost<\/h1>\s<p>Database: sqlite3 at \/var\/lib\/ghost\/data\/ghost-dev\.db\s/)
  // As the book looks at it.
  const proxying = reader.watch('proxy --port=0')
  const port = await eventually('kubectl proxy listens', () => /Starting to serve on 127\.0\.0\.1:(\d+)/.exec(proxying.seen)?.[1])
  const proxied = await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/${reader.namespace}/services/ghost/proxy/`)
  expect({ status: proxied.status, text: await proxied.text() }).toEqual({ status: 200, text })
  expect(await reader.kubectl('exec deployment/ghost -- cat /ghost-config/ghost-config.js')).toBe(GHOST['ghost-config.js'])
})

row(
  'Ghost with MySQL: a rollout waits for the database, which keeps what is in it',
  async reader => {
    await configMap(reader, 'ghost-config', GHOST)
    await configMap(reader, 'ghost-config-mysql', GHOST_MYSQL)
    await reader.apply(ghost('ghost-config'))
    await reader.kubectl('expose deployment ghost --port=2368')
    await reader.kubectl('rollout status deployment ghost --timeout=240s', { timeout: 260_000 })

    expect(await reader.apply(ghost('ghost-config-mysql'))).toBe('deployment.apps/ghost configured\n')
    await eventually('the new one finds no database', async () =>
      (await reader.pods()).some(({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0),
    )
    const failing = (await reader.pods()).find(({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0)
    await reader.see(`logs ${failing?.metadata.name} --previous`, /ghost: getaddrinfo \w+ mysql/)
    // The old one serves meanwhile.
    await reader.see('get deployment ghost --no-headers', /^ghost +1\/1 +1 +1 /)

    await reader.kubectl(`create secret generic mysql --from-literal=password=${PASSWORD}`)
    await reader.apply(MYSQL)
    await eventually('MySQL is ready', async () => (await reader.readyPods('app=mysql')).length === 1)
    const mysql = () => reader.kubectl('get pods -l app=mysql -o jsonpath={.items[0].metadata.name}')
    const login = `-u root -p${PASSWORD}`
    const exec = async (line: string) => await reader.kubectl(`exec ${await mysql()} -- ${line}`)
    await exec(`mysql ${login} -e 'CREATE DATABASE ghost_db'`)
    await reader.kubectl('rollout status deployment ghost --timeout=240s', { timeout: 260_000 })
    await reader.kubectl('scale deployment ghost --replicas=2')
    await eventually('two are ready', async () => (await reader.readyPods('run=ghost')).length === 2)

    const pageFromMysql = () => exec('wget -qO- http://ghost:2368/')
    const database = /<p>Database: (mysql 5\.6\.35-\S+) at mysql, ghost_db\s/
    const identity = database.exec(await pageFromMysql())?.[1]
    expect(identity).toBeDefined()
    const first = await mysql()
    await reader.kubectl(`delete pod ${first}`, { timeout: 120_000 })
    await eventually('another MySQL is ready', async () => {
      const [pod] = await reader.readyPods('app=mysql')
      return pod !== undefined && pod.metadata.name !== first
    })
    // The same data under the same name.
    const page = await eventually('Ghost finds it', async () => database.exec(await pageFromMysql())?.[1])
    expect(page).toBe(identity)
    expect((await reader.try(`exec ${await mysql()} -- mysql ${login} -e 'CREATE DATABASE ghost_db'`)).stderr).toContain('database exists')
    expect((await reader.try(`exec ${await mysql()} -- mysql -u root -pguessed -e 'CREATE DATABASE x'`)).stderr).toContain('Access denied')
    await reader.kubectl('delete pvc --all --wait=false')
  },
  { slow: true },
)

row(
  'Parse with mongo: the members find each other, Parse waits for them, and objects outlive pods',
  async reader => {
    await configMap(reader, 'mongo-init', MONGO_INIT)
    await reader.apply(PARSE)
    await reader.see('get pods -l run=parse-server --no-headers', /^parse-server-\S+ +0\/1 +Init:0\/1 /)
    await reader.apply(MONGO)
    await eventually('three members are ready', async () => (await reader.readyPods('app=mongo')).length === 3, 300_000)
    const mongo = (pod: string, script: string) => `exec ${pod} -c mongodb -- mongo --eval '${script}'`
    const members = async () => {
      const { members = [] } = JSON.parse(await reader.kubectl(mongo('mongo-0', 'rs.status()'))) as {
        members?: { name: string; stateStr: string }[]
      }
      return members.map(({ name, stateStr }) => `${name} ${stateStr}`).sort()
    }
    const all = ['mongo-0.mongo:27017 PRIMARY', 'mongo-1.mongo:27017 SECONDARY', 'mongo-2.mongo:27017 SECONDARY']
    await eventually('all are members', async () => (await members()).join() === all.join())
    await reader.kubectl('rollout status deployment parse-server --timeout=240s', { timeout: 260_000 })
    await reader.see('logs deployment/parse-server', 'parse: the primary is mongo-0.mongo:27017')

    const url = `${await forwarded(reader, 'service/parse-server :1337')}/parse/classes/GameScore`
    const headers = { 'x-parse-application-id': 'my-app-id', 'content-type': 'application/json' }
    const post = (score: number) => fetch(url, { method: 'POST', headers, body: JSON.stringify({ score }) })
    const scores = async () =>
      ((await (await fetch(url, { headers })).json()) as { results: { score: number }[] }).results.map(({ score }) => score)
    expect((await fetch(url)).status).toBe(403)
    expect((await post(1337)).status).toBe(201)
    expect(await scores()).toEqual([1337])
    for (const pod of ['mongo-1', 'mongo-2']) await reader.see(mongo(pod, 'db.GameScore.find()'), /"score": 1337/)

    await replaced(reader, 'mongo-0')
    await eventually('all are members again', async () => (await members()).join() === all.join())
    expect(await scores()).toEqual([1337])
    expect((await post(2018)).status).toBe(201)
    for (const pod of ['mongo-1', 'mongo-2']) await reader.see(mongo(pod, 'db.GameScore.find()'), /"score": 2018/)
    await reader.kubectl('delete statefulset mongo')
    await reader.kubectl('delete pvc --all --wait=false')
  },
  { slow: true },
)
