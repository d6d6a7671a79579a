// The figures and ids that a function writes, from its environment to standard output.
import { type ECSClient, RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs'
import type { Context } from 'aws-lambda'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import { eventually } from '../../test/tools/wait.ts'
import { ecsClient } from './clients.ts'

const context = { awsRequestId: 'invocation-1' } as Context
let written: string[]

beforeEach(() => {
  written = []
  vi.resetModules()
  vi.spyOn(process.stdout, 'write').mockImplementation(chunk => written.push(String(chunk)) > 0)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

test('figures are written when the invocation is over, also when it failed', async () => {
  vi.stubEnv('METRICS_NAMESPACE', 'Zeroplane/test')
  const { observed, telemetry } = await import('./observed.ts')
  const handler = observed(async (event: { fail: boolean }) => {
    telemetry.add({ name: 'Reconciles', unit: 'Count', value: 1, by: { Controller: 'job', Result: 'success' } })
    expect(written).toEqual([])
    if (event.fail) throw new Error('a bad day')
  })
  await handler({ fail: false }, context)
  expect(written.splice(0)).toEqual([expect.stringContaining('"Reconciles":[1]')])
  await expect(handler({ fail: true }, context)).rejects.toThrow('a bad day')
  expect(written).toEqual([expect.stringContaining('"Controller":"job"')])
})

test('without a namespace nothing is written', async () => {
  vi.stubEnv('METRICS_NAMESPACE', '')
  const { observed, telemetry } = await import('./observed.ts')
  await observed(async () => telemetry.add({ name: 'Requests', unit: 'Count', value: 1 }))({}, context)
  expect(written).toEqual([])
})

test('ids of the invocation and of its cause are known wherever its work goes on', async () => {
  const { observed } = await import('./observed.ts')
  const { traceIds } = await import('../pipeline/trace.ts')
  const ids = observed(async () => {
    await new Promise(resolve => setTimeout(resolve, 1))
    return traceIds()
  })
  const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
  const traceId = '1-5759e988-bd862e3fe1be46a994272793'
  const requestId = 'invocation-1'
  expect(await ids({ headers: { 'x-amzn-trace-id': trace } }, context)).toEqual({ requestId, traceId })
  expect(await ids({ Records: [{ attributes: { AWSTraceHeader: trace } }] }, context)).toEqual({ requestId, traceId })
  const both = await Promise.all([ids({}, context), ids({}, { awsRequestId: 'invocation-2' } as Context)])
  expect(both.map(({ requestId: id }) => id)).toEqual(['invocation-1', 'invocation-2'])
  expect(traceIds()).toEqual({})
})

test('each answer of ECS that throttles is counted, those that a retry makes good among them', async () => {
  const aws: LocalAws = await startAws({ port: 0, log: () => {}, ecs: { engine: 'simulated', nodes: 0, throttle: true } })
  const figures: unknown[] = []
  vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint)
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x')
  const client: ECSClient = ecsClient({ add: figure => figures.push(figure) })
  try {
    // Twenty at once are let through, and then one a second: so none of this waits for the end of the retries.
    for (let n = 0; n < 40; n++)
      client.send(new RegisterTaskDefinitionCommand({ family: `f${n}`, containerDefinitions: [] })).catch(() => {})
    await eventually('a throttled call', () => figures.length > 0)
    expect(figures[0]).toEqual({ name: 'Throttles', unit: 'Count', value: 1, by: { Operation: 'RegisterTaskDefinition' } })
  } finally {
    client.destroy()
    await aws.close()
  }
})
