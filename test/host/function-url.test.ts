// The Function URL over real HTTP: events as AWS makes them, responses streamed as they are written.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { afterEach, expect, test } from 'vitest'
import { type StreamedResponse, streamedOf } from '../../functions/api/function-url.ts'
import { functionUrl } from '../../localstack/host/function-url.ts'
import { installAwsLambda, type StreamingHandler } from '../../localstack/host/lambda.ts'

installAwsLambda()
const { default: middy } = await import('@middy/core')

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

interface Answer {
  readonly headers?: Record<string, string>
  readonly status?: number
  readonly body: ReadableStream<Uint8Array> | string
}

/** A function behind middy, as functions/api is. Answers its URL. */
async function serve(answer: (event: LambdaFunctionURLEvent) => Promise<Answer>): Promise<string> {
  const handler = middy<LambdaFunctionURLEvent, StreamedResponse>({ streamifyResponse: true }).handler(async event => {
    const { body, ...init } = await answer(event)
    return streamedOf(new Response(body, init))
  })
  const settings = { name: 'test', timeoutSeconds: 60, memoryMiB: 128, region: 'us-east-1', account: '000000000000' }
  server = createServer(functionUrl(handler as unknown as StreamingHandler, settings, () => {}))
  await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bytes = (text: string) => new TextEncoder().encode(text)

test('a request becomes an event of payload format 2.0', async () => {
  let seen: LambdaFunctionURLEvent | undefined
  const url = await serve(async event => {
    seen = event
    return { status: 201, headers: { 'x-own': 'yes' }, body: 'made' }
  })
  const response = await fetch(`${url}/api/v1/x%2Fy?a=1&a=2&b=c%20d`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Thing': 'One', cookie: 'p=q; r=s' },
    body: '{"ä":1}',
  })
  expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([201, 'yes', 'made'])
  expect(seen).toMatchObject({
    version: '2.0',
    rawPath: '/api/v1/x%2Fy',
    rawQueryString: 'a=1&a=2&b=c%20d',
    queryStringParameters: { a: '1,2', b: 'c d' },
    cookies: ['p=q', 'r=s'],
    headers: { 'x-thing': 'One', 'content-type': 'application/json', 'x-forwarded-proto': 'https' },
    requestContext: { http: { method: 'POST', path: '/api/v1/x%2Fy', sourceIp: '127.0.0.1' }, stage: '$default' },
    body: '{"ä":1}',
    isBase64Encoded: false,
  })
  expect(seen?.headers.cookie).toBeUndefined()
})

test('a body that is not text travels as base64, byte for byte', async () => {
  const url = await serve(async ({ body = '', isBase64Encoded }) => ({
    body: `${isBase64Encoded} ${Buffer.from(body, 'base64').toString('hex')}`,
  }))
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
    body: new Uint8Array([0, 255, 128, 10]),
  })
  expect(await response.text()).toBe('true 00ff800a')
})

test('more than Lambda takes is refused with 413, and the connection survives', async () => {
  const url = await serve(async () => ({ body: 'fine' }))
  expect((await fetch(url, { method: 'POST', body: 'x'.repeat(6 * 1024 * 1024 + 1) })).status).toBe(413)
  expect(await (await fetch(url)).text()).toBe('fine')
})

// A body that is complete in the turn in which its head is sent was once lost: each way of being early or late is tried.
test.each(['at once', 'after a tick', 'after a turn', 'later'])('a body that comes %s arrives whole', async when => {
  const wait = {
    'at once': async () => {},
    'after a tick': () => Promise.resolve(),
    'after a turn': () => sleep(0),
    later: () => sleep(5),
  }[when]!
  const url = await serve(async ({ rawPath }) => ({
    body: new ReadableStream({
      async start(controller) {
        await wait()
        for (const part of rawPath.slice(1)) controller.enqueue(bytes(part))
        controller.close()
      },
    }),
  }))
  for (const text of ['', 'a', 'abc']) for (let n = 0; n < 20; n++) expect(await (await fetch(`${url}/${text}`)).text()).toBe(text)
})

test('head first, then each part as it is written', async () => {
  const parts: ReadableStreamDefaultController<Uint8Array>[] = []
  const url = await serve(async () => ({
    headers: { 'content-type': 'application/json' },
    body: new ReadableStream({ start: c => void parts.push(c) }),
  }))
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toBe('application/json')
  const reader = response.body!.getReader()
  for (const text of ['one', 'two']) {
    parts[0]!.enqueue(bytes(text))
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(text)
  }
  parts[0]!.close()
  expect(await reader.read()).toMatchObject({ done: true })
})

test('a client that leaves ends the stream', async () => {
  const cancelled = Promise.withResolvers<void>()
  const url = await serve(async () => ({
    body: new ReadableStream({ start: controller => controller.enqueue(bytes('x')), cancel: () => cancelled.resolve() }),
  }))
  const leaving = new AbortController()
  const response = await fetch(url, { signal: leaving.signal })
  await response.body!.getReader().read()
  leaving.abort()
  await cancelled.promise
})

test('much more than the client reads is held back', async () => {
  let pulled = 0
  const url = await serve(async () => ({
    body: new ReadableStream({
      pull(controller) {
        pulled++
        if (pulled > 1000) controller.close()
        else controller.enqueue(new Uint8Array(64 * 1024))
      },
    }),
  }))
  const response = await fetch(url)
  const reader = response.body!.getReader()
  await reader.read()
  await sleep(200)
  expect(pulled).toBeLessThan(500)
  let size = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) size += part.value.length
  expect(pulled).toBe(1001)
  expect(size).toBeGreaterThan(60 * 1024 * 1024)
})

test('a function that fails is 502', async () => {
  const url = await serve(async () => {
    throw new Error('no luck')
  })
  const response = await fetch(url)
  expect([response.status, await response.text()]).toEqual([502, '{"Message":"the function failed: no luck"}\n'])
})
