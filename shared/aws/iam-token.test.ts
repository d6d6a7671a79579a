import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createIamToken, parseIdentity, principalOf, TOKEN_PREFIX, verifyIamToken } from './iam-token.ts'

const ANSWER = `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/Admin/me</Arn><UserId>AROA:me</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

let server: Server
let sts: STSClient
let asked: { url: URL; cluster: string | undefined }[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://sts')
    asked.push({ url, cluster: request.headers['x-zeroplane-cluster'] as string | undefined })
    response.end(ANSWER)
  })
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready))
  sts = new STSClient({
    region: 'eu-west-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 'session' },
  })
})
beforeEach(() => {
  asked = []
})
afterAll(() => server.close())

const forge = (query: string) => TOKEN_PREFIX + Buffer.from(query).toString('base64url')
const queryOf = (token: string) => new URLSearchParams(Buffer.from(token.slice(TOKEN_PREFIX.length), 'base64url').toString())

describe('a token', () => {
  test('is a signed question that STS answers', async () => {
    const { token, expires } = await createIamToken('main', new Date('2026-01-01T00:00:00Z'), sts)
    expect(expires.toISOString()).toBe('2026-01-01T00:14:00.000Z')
    expect(token).not.toContain('secret')
    expect(queryOf(token).get('X-Amz-SignedHeaders')).toBe('host;x-zeroplane-cluster')
    expect(await verifyIamToken(token, 'main', sts)).toEqual({
      account: '111122223333',
      arn: 'arn:aws:sts::111122223333:assumed-role/Admin/me',
      userId: 'AROA:me',
    })
    expect(asked).toHaveLength(1)
    expect(asked[0]!.cluster).toBe('main')
    expect(asked[0]!.url.searchParams.get('X-Amz-Security-Token')).toBe('session')
  })

  test('carries another signature for another cluster', async () => {
    const when = new Date('2026-01-01T00:00:00Z')
    const [a, b] = [await createIamToken('a', when, sts), await createIamToken('b', when, sts)]
    expect(queryOf(a.token).get('X-Amz-Signature')).not.toBe(queryOf(b.token).get('X-Amz-Signature'))
  })

  test('is refused before anybody is asked when it asks for something else', async () => {
    const { token } = await createIamToken('main', new Date(), sts)
    const change = (edit: (q: URLSearchParams) => void) => {
      const query = queryOf(token)
      edit(query)
      return forge(query.toString())
    }
    const bad = [
      'plain-token',
      forge(''),
      change(q => q.set('Action', 'GetSessionToken')),
      change(q => q.set('Host', 'evil.example')),
      change(q => q.set('X-Amz-Expires', '604800')),
      change(q => q.set('X-Amz-SignedHeaders', 'host')),
      change(q => q.delete('X-Amz-Signature')),
      TOKEN_PREFIX + 'x'.repeat(9000),
    ]
    for (const token of bad) expect(await verifyIamToken(token, 'main', sts)).toBeUndefined()
    expect(asked).toHaveLength(0)
  })
})

test('identities are read from XML and from JSON', () => {
  expect(
    parseIdentity('{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"1","Arn":"arn:aws:iam::1:user/u","UserId":"AID"}}}'),
  ).toEqual({ account: '1', arn: 'arn:aws:iam::1:user/u', userId: 'AID' })
  expect(parseIdentity('<Error><Code>ExpiredToken</Code></Error>')).toBeUndefined()
})

test('a session is its role', () => {
  expect(principalOf('arn:aws:sts::1:assumed-role/Admin/me')).toBe('arn:aws:iam::1:role/Admin')
  expect(principalOf('arn:aws:iam::1:user/u')).toBe('arn:aws:iam::1:user/u')
})
