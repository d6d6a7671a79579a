// The one port. Decides by target header, form action or path which service is meant, and speaks that service's protocol.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AwsError, unknownOperation } from './errors.ts'
import { credentialScope, jsonProtocol, type Protocol, parseJson, queryProtocol, readBody, restJsonProtocol } from './protocol.ts'
import type { Call, Service } from './service.ts'

/** Answers a request whose path it owns, in a protocol of its own (the image registry, the DynamoDB proxy). False: not mine. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean

/** Finds the operation of a REST-JSON request; undefined when the path is not the service's. */
export type RestRoute = (
  method: string,
  path: string,
  query: URLSearchParams,
) => { operation: string; input: Record<string, unknown> } | undefined

export interface Routes {
  /** By the part of X-Amz-Target before the dot. */
  readonly targets: Readonly<Record<string, { service: Service; version: '1.0' | '1.1' }>>
  /** By the form's Version. */
  readonly query: Readonly<Record<string, { service: Service; namespace: string }>>
  readonly rest: readonly { service: Service; route: RestRoute }[]
  readonly doors: readonly Door[]
}

export interface Listening {
  readonly port: number
  close(): Promise<void>
}

/** @throws the listen error (EADDRINUSE...) as Node gives it. */
export async function listen(routes: Routes, port: number, host: string, log: (line: string) => void): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    answer(routes, request, response, log).catch(error => {
      log(`local AWS: ${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return { port: (server.address() as AddressInfo).port, close: () => close(server) }
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

interface Matched {
  readonly service: Service
  readonly operation: string
  readonly input: Record<string, unknown>
  readonly protocol: Protocol
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse, log: (line: string) => void): Promise<void> {
  for (const door of routes.doors) if (door(request, response)) return
  let protocol: Protocol = restJsonProtocol
  try {
    const url = new URL(request.url ?? '/', 'http://local')
    const body = await readBody(request)
    const matched = match(routes, request, url, body)
    protocol = matched.protocol
    const { service, operation, input } = matched
    const hangUp = new AbortController()
    response.on('close', () => hangUp.abort())
    const call: Call = {
      signal: hangUp.signal,
      accessKeyId: credentialScope(request, url.searchParams).accessKeyId,
      endpoint: `http://${request.headers.host ?? 'localhost'}`,
    }
    const raw = service.raw && Object.hasOwn(service.raw, operation) ? service.raw[operation] : undefined
    if (raw) return await raw(input as never, call, response, request)
    const run = Object.hasOwn(service.operations, operation) ? service.operations[operation] : undefined
    if (!run) throw unknownOperation(service.name, operation)
    protocol.success(response, await run(input as never, call))
  } catch (error) {
    if (error instanceof AwsError) return protocol.failure(response, error)
    log(
      `local AWS: ${request.method} ${request.url} ${request.headers['x-amz-target'] ?? ''}: ${error instanceof Error ? error.stack : String(error)}`,
    )
    const message = error instanceof Error ? error.message : String(error)
    protocol.failure(response, new AwsError('InternalFailure', `the local AWS failed: ${message}`, { status: 500 }))
  }
}

function match(routes: Routes, request: IncomingMessage, url: URL, body: Buffer): Matched {
  const target = request.headers['x-amz-target']
  if (typeof target === 'string') {
    const dot = target.lastIndexOf('.')
    const prefix = target.slice(0, dot)
    const found = Object.hasOwn(routes.targets, prefix) ? routes.targets[prefix] : undefined
    if (!found) throw unknownOperation(prefix, target.slice(dot + 1))
    return { service: found.service, operation: target.slice(dot + 1), input: parseJson(body), protocol: jsonProtocol(found.version) }
  }
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  const parameters = form ? new URLSearchParams(body.toString('utf8')) : url.searchParams
  const action = parameters.get('Action')
  if (action) {
    const found = routes.query[parameters.get('Version') ?? '']
    const acceptJson = request.headers.accept?.includes('application/json') ?? false
    const protocol = queryProtocol(action, found?.namespace ?? '', acceptJson)
    if (!found) throw unknownOperation(credentialScope(request, url.searchParams).service ?? 'query', action)
    return { service: found.service, operation: action, input: Object.fromEntries(parameters), protocol }
  }
  for (const { service, route } of routes.rest) {
    const found = route(request.method ?? 'GET', decodeURIComponent(url.pathname), url.searchParams)
    if (found) {
      return { service, operation: found.operation, input: { ...parseJson(body), ...found.input }, protocol: restJsonProtocol }
    }
  }
  throw new AwsError('UnknownOperationException', `${request.method} ${url.pathname} is no operation of the local AWS`, { status: 404 })
}
