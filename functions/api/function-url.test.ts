import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { requestOf } from './function-url.ts'

const event = (rest: object) =>
  ({
    rawPath: '/api/v1/namespaces',
    rawQueryString: 'dryRun=All',
    headers: { host: 'api' },
    isBase64Encoded: false,
    requestContext: { http: { method: 'POST' } },
    ...rest,
  }) as unknown as LambdaFunctionURLEvent

test('a body whose client did not say what it is stays without a content type', async () => {
  const request = requestOf(event({ body: '{"é":1}' }))
  expect(request.headers.get('content-type')).toBeNull()
  expect({ url: request.url, method: request.method, body: await request.json() }).toEqual({
    url: 'https://api/api/v1/namespaces?dryRun=All',
    method: 'POST',
    body: { é: 1 },
  })
})

test('a body in base64 is its bytes, of the type that was said', async () => {
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' }
  const request = requestOf(event({ headers, body: Buffer.from([0, 255, 1]).toString('base64'), isBase64Encoded: true }))
  expect(request.headers.get('content-type')).toBe('application/vnd.kubernetes.protobuf')
  expect(Buffer.from(await request.arrayBuffer())).toEqual(Buffer.from([0, 255, 1]))
})
