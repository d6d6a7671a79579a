import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Secret } from '../../shared/api/core/v1.ts'
import { credentialsFor } from '../../shared/pods/images/credentials.ts'
import { ImageLookup } from '../../shared/pods/images/lookup.ts'
import { fullName, parseImage } from '../../shared/pods/images/reference.ts'
import { Registry } from '../../shared/pods/images/registry.ts'

describe('image references', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest'],
    ['gcr.io/kuar-demo/kuard-amd64:1', 'gcr.io/kuar-demo/kuard-amd64:1'],
    ['localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
    [`nginx@sha256:${'a'.repeat(64)}`, `docker.io/library/nginx@sha256:${'a'.repeat(64)}`],
  ])('%s is %s', (image, full) => expect(fullName(parseImage(image))).toBe(full))

  it.each(['', 'UPPER', 'a b', 'nginx:', 'nginx@sha256:short', 'http://x/y'])('%j is none', image => {
    expect(() => parseImage(image)).toThrow(`couldn't parse image name ${JSON.stringify(image)}: invalid reference format`)
  })
})

const pullSecret = (auths: object) =>
  ({
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  }) as unknown as Secret

describe('pull secrets', () => {
  const basic = (user: string) => ({ auth: Buffer.from(`${user}:pw:with:colons`).toString('base64') })
  const secrets = [
    pullSecret({
      'https://index.docker.io/v1/': basic('hub'),
      'gcr.io': basic('google'),
      'gcr.io/team': basic('team'),
      '*.example.com': basic('wild'),
    }),
  ]
  it.each([
    ['nginx', 'hub'],
    ['gcr.io/other/x', 'google'],
    ['gcr.io/team/x', 'team'],
    ['a.example.com/x', 'wild'],
    ['a.b.example.com/x', undefined],
    ['quay.io/x', undefined],
  ])('for %s are those of %s', (image, user) => {
    expect(credentialsFor(parseImage(image), secrets)?.username).toBe(user)
  })

  it('keep what follows the first colon as the password', () => {
    expect(credentialsFor(parseImage('nginx'), secrets)?.password).toBe('pw:with:colons')
  })
})

/** A registry as the protocol has it, with tokens. */
describe('the registry', () => {
  let server: Server
  let host: string
  const asked: string[] = []
  const config = { config: { Entrypoint: ['/app'], Cmd: ['serve'], User: '1000', StopSignal: 'SIGQUIT' } }
  const manifest = {
    config: { digest: 'sha256:config' },
    layers: [
      { digest: 'sha256:l', size: 70 },
      { digest: 'sha256:m', size: 30 },
    ],
  }
  const index = {
    manifests: [
      { digest: 'sha256:arm', platform: { os: 'linux', architecture: 'arm64' } },
      { digest: 'sha256:amd', platform: { os: 'linux', architecture: 'amd64' } },
    ],
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      const send = (status: number, body: object, headers = {}) => response.writeHead(status, headers).end(JSON.stringify(body))
      const url = new URL(request.url ?? '/', 'http://registry')
      asked.push(`${url.pathname}${url.search}`)
      if (url.pathname === '/token') {
        const user = userOf(request)
        const scope = url.searchParams.get('scope') ?? ''
        return scope.includes('private') && user !== 'me' ? send(401, {}) : send(200, { token: `for ${scope}` })
      }
      const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? []
      if (request.headers.authorization !== `Bearer for repository:${repository}:pull`) {
        const challenge = `Bearer realm="http://${host}/token",service="registry",scope="repository:${repository}:pull"`
        return send(401, { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }, { 'www-authenticate': challenge })
      }
      if (kind === 'blobs') return send(200, config)
      if (reference === 'latest') return send(200, index, { 'docker-content-digest': 'sha256:index' })
      if (reference === 'single' || reference === 'sha256:amd')
        return send(200, manifest, { 'docker-content-digest': `sha256:of-${reference}` })
      if (reference === 'broken') return send(500, { errors: [{ code: 'UNKNOWN', message: 'the disk is on fire' }] })
      send(404, { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())
  beforeEach(() => void asked.splice(0))

  const userOf = ({ headers }: IncomingMessage) =>
    Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64')
      .toString()
      .split(':')[0]
  const lookup = (now = () => 0, options = {}) => new ImageLookup({ registry: new Registry({ architecture: 'amd64', ...options }), now })

  it('tells digest, configuration and size, through an index and its token flow', async () => {
    expect(await lookup().find(`${host}/team/app`, undefined, [])).toEqual({
      digest: 'sha256:index',
      pinned: `${host}/team/app@sha256:index`,
      imageID: `${host}/team/app@sha256:index`,
      config: config.config,
      size: 100,
    })
  })

  it('is asked once for all pods of a rollout, and again when the answer is old or the policy says so', async () => {
    let time = 0
    const images = lookup(() => time)
    await Promise.all([1, 2, 3].map(() => images.find(`${host}/a:single`, 'IfNotPresent', [])))
    expect(asked.filter(path => path.includes('manifests'))).toHaveLength(2)
    time = 60_000
    await images.find(`${host}/a:single`, 'IfNotPresent', [])
    expect(asked.filter(path => path.includes('manifests'))).toHaveLength(2)
    await images.find(`${host}/a:single`, 'Always', [])
    expect(asked.filter(path => path.includes('manifests'))).toHaveLength(4)
  })

  it('gives private images to those who have the secret, and does not leak them to others', async () => {
    const images = lookup()
    const secret = pullSecret({ [host]: { username: 'me', password: 'pw' } })
    expect((await images.find(`${host}/private:single`, undefined, [secret])).digest).toBe('sha256:of-single')
    await expect(images.find(`${host}/private:single`, undefined, [])).rejects.toThrow('failed to authorize')
  })

  it.each([
    ['nosuch', 'nosuch: not found: manifest unknown'],
    ['broken', '500 Internal Server Error: the disk is on fire'],
  ])('says why %s cannot be had', async (tag, why) => {
    await expect(lookup().find(`${host}/a:${tag}`, undefined, [])).rejects.toThrow(why)
  })

  it('forgets a failure', async () => {
    const images = lookup()
    await expect(images.find(`${host}/a:nosuch`, undefined, [])).rejects.toThrow()
    const before = asked.length
    await expect(images.find(`${host}/a:nosuch`, undefined, [])).rejects.toThrow()
    expect(asked.length).toBeGreaterThan(before)
  })

  it('that does not answer is told of', async () => {
    await expect(lookup().find('127.0.0.1:7699/x', undefined, [])).rejects.toThrow('dial tcp: connect: connection refused')
  })

  it('may be a mirror of all others', async () => {
    await lookup(undefined, { mirror: `http://${host}/` }).find('quay.io/team/app:single', undefined, [])
    expect(asked).toContain('/v2/team/app/manifests/single?ns=quay.io')
  })

  it('of another architecture only has nothing for us', async () => {
    await expect(lookup(undefined, { architecture: 's390x' }).find(`${host}/a`, undefined, [])).rejects.toThrow(
      'no match for platform in manifest: linux/s390x',
    )
  })
})
