import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

let asked: string[]
let answer: () => [status: number, body: object]
let server: ReturnType<typeof createServer>
let ecrCredentials: typeof import('./ecr.ts').ecrCredentials

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    asked.push(`${request.headers['x-amz-target']} ${/\/(\w+-\w+-\d)\/ecr\//.exec(request.headers.authorization ?? '')?.[1]}`)
    const [status, body] = answer()
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('AWS_ENDPOINT_URL_ECR', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
  vi.resetModules()
  ;({ ecrCredentials } = await import('./ecr.ts'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

const token = (expiresIn: number) => ({
  authorizationData: [
    { authorizationToken: Buffer.from('AWS:word:with:colons').toString('base64'), expiresAt: Date.now() / 1000 + expiresIn },
  ],
})
const PARIS = '123456789012.dkr.ecr.eu-west-3.amazonaws.com'

test('a registry of another region is asked there, once for all who want its images', async () => {
  answer = () => [200, token(43_200)]
  const both = await Promise.all([ecrCredentials(PARIS), ecrCredentials(PARIS)])
  expect(await ecrCredentials(PARIS)).toEqual({ username: 'AWS', password: 'word:with:colons' })
  expect(both[0]).toEqual(both[1])
  expect(asked).toEqual(['AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken eu-west-3'])
})

test('a token that is about to expire is not used again, and a refusal is not remembered', async () => {
  answer = () => [400, { __type: 'AccessDeniedException', message: 'no' }]
  await expect(ecrCredentials(PARIS)).rejects.toThrow()
  answer = () => [200, token(60)]
  await ecrCredentials(PARIS)
  await ecrCredentials(PARIS)
  expect(asked).toHaveLength(3)
})
