// A read-only image registry (Docker Registry HTTP API V2) for the images that the engine has or can pull. It shows manifests and
// configurations, which is what a launcher needs to know an image's entry point and digest; layers stay in the engine.
//
//   GET|HEAD /v2/                                    200
//   GET|HEAD /v2/<repository>/manifests/<tag|digest>[?ns=<registry host>]
//   GET|HEAD /v2/<repository>/blobs/<digest>[?ns=...]
//
// The repository is named as Docker names it ("busybox", "gcr.io/kuar-demo/kuard-amd64"), or without its host and with the host in `ns`,
// as mirrors of registries are asked. Where the registry that is meant wants credentials, so does this one (401, Basic), and hands them on.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Door } from '../aws/server.ts'
import { type Image, type ImageSource, type PullCredentials, PullError } from './images.ts'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

export function registryDoor(images: ImageSource): Door {
  const blobs = new Map<string, string>()
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://local')
    if (url.pathname !== '/v2' && !url.pathname.startsWith('/v2/')) return false
    request.resume()
    answer(images, blobs, url, request, response).catch(error => {
      fail(response, 500, 'UNKNOWN', error instanceof Error ? error.message : String(error))
    })
    return true
  }
}

async function answer(
  images: ImageSource,
  blobs: Map<string, string>,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return fail(response, 405, 'UNSUPPORTED', 'this registry is read-only')
  const path = decodeURIComponent(url.pathname.slice(3)).replace(/^\//, '')
  if (path === '') return send(request, response, 'application/json', '{}')
  const [, name = '', kind, reference = ''] = path.match(/^(.+)\/(manifests|blobs)\/([^/]+)$/) ?? []
  if (!kind) return fail(response, 404, 'NAME_UNKNOWN', `${url.pathname} is no manifest and no blob`)
  const host = url.searchParams.get('ns')
  const repository = host ? `${host}/${name}` : name
  if (!/^[a-z0-9][a-zA-Z0-9._/:-]*$/.test(repository)) return fail(response, 400, 'NAME_INVALID', `invalid repository name ${repository}`)
  if (kind === 'blobs') return blob(blobs, reference, request, response)
  const separator = reference.includes(':') ? '@' : ':'
  let image: Image
  try {
    image = await images.get(`${repository}${separator}${reference}`, credentialsOf(request))
  } catch (error) {
    if (error instanceof PullError) return refuse(response, error)
    throw error
  }
  blobs.set(image.configDigest, image.configBlob)
  send(request, response, MANIFEST, image.manifest, image.digest)
}

function blob(blobs: ReadonlyMap<string, string>, digest: string, request: IncomingMessage, response: ServerResponse): void {
  const found = blobs.get(digest)
  if (found !== undefined) send(request, response, 'application/octet-stream', found, digest)
  else
    fail(
      response,
      404,
      'BLOB_UNKNOWN',
      `blob ${digest}: layers stay in the engine; a configuration is known once its manifest was asked for`,
    )
}

/** What the caller has for the registry that is meant; the engine pulls with it. */
function credentialsOf(request: IncomingMessage): PullCredentials | undefined {
  const basic = request.headers.authorization?.match(/^Basic (\S+)$/i)?.[1]
  if (basic === undefined) return undefined
  const [username = '', ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':')
  return { username, password: password.join(':') }
}

/** The engine's words about a failed pull, as the registry itself would have answered. */
function refuse(response: ServerResponse, { status, message }: PullError): void {
  const [code, name] = /unauthorized|authentication required|no basic auth/i.test(message)
    ? ([401, 'UNAUTHORIZED'] as const)
    : /denied|access forbidden/i.test(message)
      ? ([403, 'DENIED'] as const)
      : status === 404 || /not found|manifest unknown/i.test(message)
        ? ([404, 'MANIFEST_UNKNOWN'] as const)
        : /toomanyrequests|rate limit/i.test(message)
          ? ([429, 'TOOMANYREQUESTS'] as const)
          : ([503, 'UNAVAILABLE'] as const)
  fail(response, code, name, message)
}

function send(request: IncomingMessage, response: ServerResponse, type: string, body: string, digest?: string): void {
  response.writeHead(200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'docker-distribution-api-version': 'registry/2.0',
    ...(digest && { 'docker-content-digest': digest, etag: `"${digest}"` }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  if (response.headersSent) return void response.destroy()
  const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="image pull credentials"' } : {}
  response.writeHead(status, { 'content-type': 'application/json', 'docker-distribution-api-version': 'registry/2.0', ...challenge })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}
