// An image of a registry that wants credentials, through the registry of the local AWS: nobody gets it without them.
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { archiveOf } from '../../localstack/ecs/docker/pause.ts'
import { docker, dockerProblem } from './docker.ts'
import { type Started, start } from './kit.ts'

const problem = await dockerProblem()
const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`
const AUTHORIZATION = `Basic ${Buffer.from('me:secret').toString('base64')}`

describe.skipIf(problem !== undefined)('a private registry', () => {
  let server: Server
  let started: Started
  let host: string

  beforeAll(async () => {
    const layer = Buffer.concat(await archiveOf('file', Buffer.from('content')).toArray())
    const compressed = gzipSync(layer)
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
    const config = Buffer.from(
      JSON.stringify({
        architecture,
        os: 'linux',
        config: { Entrypoint: ['/private'] },
        rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
      }),
    )
    const type = 'application/vnd.docker.distribution.manifest.v2+json'
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.length, digest: digestOf(config) },
        layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: compressed.length, digest: digestOf(compressed) }],
      }),
    )
    const blobs = new Map([config, compressed, manifest].map(content => [digestOf(content), content]))
    server = createServer((request, response) => {
      if (request.headers.authorization !== AUTHORIZATION) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="test"', 'content-type': 'application/json' })
        response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }))
        return
      }
      const name = request.url?.split('/').at(-1) ?? ''
      const content = request.url === '/v2/' ? Buffer.from('{}') : name === '1' ? manifest : blobs.get(name)
      const headers = {
        'content-type': name === '1' || content === manifest ? type : 'application/octet-stream',
        'docker-content-digest': content && digestOf(content),
      }
      response.writeHead(content ? 200 : 404, { ...headers, 'content-length': content?.length ?? 0 })
      response.end(request.method === 'HEAD' ? undefined : content)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    started = await start({ ecs: { engine: 'docker', nodes: 0 } })
  })
  afterAll(async () => {
    await docker
      .getImage(`${host}/team/app:1`)
      .remove()
      .catch(() => {})
    await started?.close()
    server?.close()
  })

  const ask = (authorization?: string) =>
    fetch(`${started.aws.endpoint}/v2/team/app/manifests/1?ns=${host}`, { headers: authorization ? { authorization } : {} })

  test('is asked with the credentials of whoever asks', async () => {
    const refused = await ask()
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toMatch(/^Basic/)
    expect((await ask(`Basic ${Buffer.from('me:wrong').toString('base64')}`)).status).toBe(401)
    const found = await ask(AUTHORIZATION)
    expect(found.status).toBe(200)
    const { config } = (await found.json()) as { config: { digest: string } }
    const blob = await fetch(`${started.aws.endpoint}/v2/team/app/blobs/${config.digest}?ns=${host}`)
    expect(((await blob.json()) as { config: object }).config).toMatchObject({ Entrypoint: ['/private'] })
  })
})
