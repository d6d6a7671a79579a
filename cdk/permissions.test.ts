// What a deployment allows when it is told to, and does not otherwise.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FUNCTIONS, type FunctionName } from '../scripts/bundle.ts'
import { DEFAULTS, readConfig, type ZeroplaneConfig } from './config.ts'
import { ZeroplaneStack } from './stack.ts'

interface Statement {
  readonly Sid?: string
  readonly Action: string | string[]
  readonly Resource: unknown
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zeroplane-permissions-'))
  for (const name of FUNCTIONS) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'index.mjs'), 'export const handler = () => {}\n')
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function synthesise(config: Partial<ZeroplaneConfig> = {}): Template {
  const all = { ...DEFAULTS, ...config }
  const bundles = Object.fromEntries(FUNCTIONS.map(name => [name, join(folder, name)])) as Record<FunctionName, string>
  return Template.fromStack(new ZeroplaneStack(new App(), all.stackName, { config: all, bundles, agentImage: 'agent:1' }))
}

/** The statements with an id, by the role's policy that has them. */
function granted(template: Template, sid: string): [policy: string, Statement][] {
  return Object.entries(template.findResources('AWS::IAM::Policy')).flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument.Statement as Statement[])
      .filter(({ Sid }) => Sid === sid)
      .map((statement): [string, Statement] => [id.replace(/(ServiceRole)?DefaultPolicy.*/, ''), statement]),
  )
}

const environmentOf = (template: Template, name: string) =>
  Object.entries(template.findResources('AWS::Lambda::Function')).find(([id]) => id.startsWith(name))?.[1].Properties.Environment.Variables

test('reconcile alone may make queues, with the prefix of the stack, and read no message', () => {
  const template = synthesise({ stackName: 'blue' })
  const [[policy, statement], ...others] = granted(template, 'OwnQueues') as [[string, Statement]]
  expect(others).toEqual([])
  expect(policy).toMatch(/^Reconcile/)
  expect(JSON.stringify(statement.Resource)).toContain(':blue-workqueue-*')
  expect(statement.Action).not.toContain('sqs:ReceiveMessage')
  expect(environmentOf(template, 'Reconcile')).toMatchObject({ QUEUE_PREFIX: 'blue-workqueue-' })
})

test('a long name of the stack leaves room for that of the queue', () => {
  const template = synthesise({ stackName: 'a'.repeat(50) })
  expect(environmentOf(template, 'Reconcile').QUEUE_PREFIX.length).toBeLessThanOrEqual(35)
})

test('pods may use the queues only when the deployment says so', () => {
  expect(granted(synthesise(), 'UseWorkQueues')).toEqual([])
  const [[policy, statement]] = granted(synthesise({ podsUseWorkQueues: true }), 'UseWorkQueues') as [[string, Statement]]
  expect(policy).toContain('TaskRole')
  expect(statement.Action).toContain('sqs:ReceiveMessage')
  expect(statement.Action).not.toContain('sqs:DeleteQueue')
  expect(JSON.stringify(statement.Resource)).toContain(':zeroplane-workqueue-*')
})

test('dispatch may put events on the one bus that the deployment names', () => {
  const without = synthesise()
  expect(granted(without, 'PublishChanges')).toEqual([])
  expect(environmentOf(without, 'Dispatch')).toMatchObject({ EVENT_BUS: '' })
  const template = synthesise({ eventBus: 'changes' })
  const [[policy, statement], ...others] = granted(template, 'PublishChanges') as [[string, Statement]]
  expect(others).toEqual([])
  expect(policy).toMatch(/^Dispatch/)
  expect(statement.Action).toBe('events:PutEvents')
  expect(JSON.stringify(statement.Resource)).toContain(':event-bus/changes')
  expect(environmentOf(template, 'Dispatch')).toMatchObject({ EVENT_BUS: 'changes' })
})

test('tasks are run, stopped and tagged in our cluster alone; tagging knows no condition on the cluster, so its ARN says it', () => {
  const template = synthesise()
  for (const sid of ['RunTasks', 'StopAndDescribeTasks', 'ListTasks'])
    for (const [policy, statement] of granted(template, sid))
      expect(JSON.stringify(statement), `${policy} ${sid}`).toContain('"ArnEquals":{"ecs:cluster"')
  for (const [policy, statement] of granted(template, 'TagTasks')) {
    expect(JSON.stringify(statement.Resource), policy).toMatch(/:task\/",\{"Ref":"PodsCluster\w*"\},"\/\*"/)
    expect(statement).toMatchObject({ Condition: { StringEquals: { 'ecs:CreateAction': 'RunTask' } } })
  }
  expect(granted(template, 'TagTasks')).toHaveLength(granted(template, 'RunTasks').length)
})

test('a bus is named, not given by its ARN', () => {
  const read = () => readConfig(new App({ context: { eventBus: 'arn:aws:events:us-east-1:1:event-bus/x' } }).node)
  expect(read).toThrow(/eventBus is "arn/)
})
