import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RunTaskCommand, StartTaskCommand } from '@aws-sdk/client-ecs'
import { afterEach, expect, test } from 'vitest'
import { ecsClient } from './clients.ts'

let server: Server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** An ECS that answers as told, call after call. The product's own client, and how many calls arrived. */
async function ecs(...answers: RequestListener[]) {
  const calls: string[] = []
  server = createServer((request, response) => {
    calls.push(String(request.headers['x-amz-target']).split('.')[1]!)
    request.resume().on('end', () => answers[Math.min(calls.length, answers.length) - 1]!(request, response))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  process.env.AWS_REGION = 'us-east-1'
  process.env.AWS_ACCESS_KEY_ID = 'x'
  process.env.AWS_SECRET_ACCESS_KEY = 'x'
  return { calls, client: ecsClient() }
}

const lost: RequestListener = (_, response) => void response.destroy()
const answer =
  (status: number, body: object): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
    response.end(JSON.stringify(body))
  }
const started = answer(200, { tasks: [], failures: [] })
const startTask = new StartTaskCommand({ taskDefinition: 'a:1', containerInstances: ['i'] })

test.each([
  ['does not come', lost],
  ['says that ECS broke down', answer(500, { __type: 'ServerException', message: 'internal' })],
])('StartTask is not sent again when its reply %s', async (_, bad) => {
  const { calls, client } = await ecs(bad, started)
  await expect(client.send(startTask)).rejects.toThrow(/^StartTask: the reply was lost/)
  expect(calls).toEqual(['StartTask'])
})

test('a refusal of StartTask is: nothing was started', async () => {
  const { calls, client } = await ecs(answer(400, { __type: 'ThrottlingException', message: 'Rate exceeded' }), started)
  await client.send(startTask)
  expect(calls).toEqual(['StartTask', 'StartTask'])
})

test('RunTask has a token and may be sent again', async () => {
  const { calls, client } = await ecs(lost, started)
  await client.send(new RunTaskCommand({ taskDefinition: 'a:1', clientToken: 'one' }))
  expect(calls).toEqual(['RunTask', 'RunTask'])
})
