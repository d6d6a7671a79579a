// EventBridge Scheduler through the SDK's client; time is turned by hand and begins at 2026-01-01T00:00:00Z, a Thursday.
import {
  ConflictException,
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  ResourceNotFoundException,
  SchedulerClient,
  UpdateScheduleCommand,
  ValidationException,
} from '@aws-sdk/client-scheduler'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nextTime, parseExpression } from '../../localstack/aws/scheduler/expression.ts'
import { type Started, start } from './kit.ts'
import { ManualClock } from './manual-clock.ts'

const Target = { Arn: 'arn:aws:lambda:us-east-1:000000000000:function:tick', RoleArn: 'arn:aws:iam::000000000000:role/scheduler' }
const OFF = { Mode: 'OFF' as const }

describe('EventBridge Scheduler', () => {
  let started: Started
  let clock: ManualClock
  let scheduler: SchedulerClient
  let fired: [time: string, event: unknown][]

  const attach = () => started.aws.attach(async (_name, event) => void fired.push([new Date(clock.now()).toISOString(), event]))

  beforeEach(async () => {
    clock = new ManualClock()
    started = await start({ clock })
    scheduler = new SchedulerClient(started.client)
    fired = []
    await attach()
  })
  afterEach(async () => {
    scheduler.destroy()
    await started.close()
  })

  const create = (Name: string, ScheduleExpression: string, rest: object = {}) =>
    scheduler.send(new CreateScheduleCommand({ Name, ScheduleExpression, Target, FlexibleTimeWindow: OFF, ...rest }))
  const names = async (group?: string) =>
    (await scheduler.send(new ListSchedulesCommand({ GroupName: group }))).Schedules?.map(({ Name }) => Name)

  test('fires at() once, fills in the context, and is gone when it should be', async () => {
    const Input = JSON.stringify({ arn: '<aws.scheduler.schedule-arn>', time: '<aws.scheduler.scheduled-time>' })
    await create('once', 'at(2026-01-01T00:00:30)', { ActionAfterCompletion: 'DELETE', Target: { ...Target, Input } })
    await create('kept', 'at(2026-01-01T00:00:30)')
    await clock.advance(29_999)
    expect(fired).toEqual([])
    await clock.advance(3_600_000)
    const event = { arn: 'arn:aws:scheduler:us-east-1:000000000000:schedule/default/once', time: '2026-01-01T00:00:30Z' }
    expect(fired.map(([, given]) => given)).toEqual([event, {}])
    expect(await names()).toEqual(['kept'])
  })

  test('reads times in the zone of the schedule', async () => {
    await create('berlin', 'at(2026-07-01T12:00:00)', { ScheduleExpressionTimezone: 'Europe/Berlin' })
    await create('daily', 'cron(0 9 * * ? *)', { ScheduleExpressionTimezone: 'America/New_York' })
    await clock.advance(86_400_000)
    expect(fired.map(([time]) => time)).toEqual(['2026-01-01T14:00:00.000Z'])
    await clock.advance(Date.parse('2026-07-01T10:00:00Z') - clock.now())
    expect(fired.at(-1)).toEqual(['2026-07-01T10:00:00.000Z', {}])
  })

  test('repeats rate(), until it is disabled', async () => {
    await create('often', 'rate(1 minute)')
    await clock.advance(180_000)
    expect(fired).toHaveLength(3)
    await scheduler.send(
      new UpdateScheduleCommand({
        Name: 'often',
        ScheduleExpression: 'rate(1 minute)',
        Target,
        FlexibleTimeWindow: OFF,
        State: 'DISABLED',
      }),
    )
    await clock.advance(180_000)
    expect(fired).toHaveLength(3)
  })

  test('catches up once with what was missed while nobody was there', async () => {
    await create('once', 'at(2026-01-01T00:10:00)', { ActionAfterCompletion: 'DELETE' })
    await create('often', 'rate(1 minute)')
    await clock.advance(60_000)
    scheduler.destroy()
    await started.aws.close()
    await clock.advance(30 * 60_000)
    started = await start({ clock, dataDir: started.dataDir })
    scheduler = new SchedulerClient(started.client)
    await attach()
    await clock.advance(0)
    expect(fired.map(([time]) => time)).toEqual(['2026-01-01T00:01:00.000Z', '2026-01-01T00:31:00.000Z', '2026-01-01T00:31:00.000Z'])
    expect(await names()).toEqual(['often'])
    await clock.advance(60_000)
    expect(fired).toHaveLength(4)
  })

  test('groups, names, conflicts and errors are as on AWS', async () => {
    await scheduler.send(new CreateScheduleGroupCommand({ Name: 'g' }))
    await create('a', 'rate(1 hour)', { GroupName: 'g', ClientToken: 't' })
    await create('a', 'rate(1 hour)', { GroupName: 'g', ClientToken: 't' })
    await create('a', 'rate(1 hour)')
    await expect(create('a', 'rate(1 hour)', { ClientToken: 'other' })).rejects.toBeInstanceOf(ConflictException)
    expect(await names('g')).toEqual(['a'])
    expect(await scheduler.send(new GetScheduleCommand({ Name: 'a', GroupName: 'g' }))).toMatchObject({
      ScheduleExpression: 'rate(1 hour)',
      State: 'ENABLED',
      CreationDate: new Date(clock.now()),
    })
    await scheduler.send(new DeleteScheduleCommand({ Name: 'a', GroupName: 'g' }))
    await expect(scheduler.send(new GetScheduleCommand({ Name: 'a', GroupName: 'g' }))).rejects.toBeInstanceOf(ResourceNotFoundException)
    await expect(create('b', 'rate(1 hour)', { GroupName: 'nowhere' })).rejects.toBeInstanceOf(ResourceNotFoundException)
    await expect(create('b c', 'rate(1 hour)')).rejects.toBeInstanceOf(ValidationException)
  })

  test('pages through many', async () => {
    for (let number = 10; number < 35; number++) await create(`s${number}`, 'rate(1 hour)')
    const seen: (string | undefined)[] = []
    let NextToken: string | undefined
    do {
      const page = await scheduler.send(new ListSchedulesCommand({ MaxResults: 10, NextToken }))
      seen.push(...(page.Schedules ?? []).map(({ Name }) => Name))
      NextToken = page.NextToken
    } while (NextToken)
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => `s${at + 10}`))
  })
})

test.each([
  ['cron(15 10 ? * 6L 2026)', '2026-01-30T10:15:00Z'],
  ['cron(0 18 ? * MON-FRI *)', '2026-01-01T18:00:00Z'],
  ['cron(0/15 * ? * 2 *)', '2026-01-05T00:00:00Z'],
  ['cron(0 8 1 * ? *)', '2026-01-01T08:00:00Z'],
  ['cron(30 9 L * ? *)', '2026-01-31T09:30:00Z'],
  ['cron(0 0 ? * 3#1 *)', '2026-01-06T00:00:00Z'],
  ['rate(2 hours)', '2026-01-01T02:00:00Z'],
])('%s is next due at %s', (text, time) => {
  expect(new Date(nextTime(parseExpression(text, 'UTC'), Date.UTC(2026, 0, 1))!)).toEqual(new Date(time))
})

test.each([
  'cron(0 18 * * * *)',
  'cron(0 18 ? * ? *)',
  'cron(* * * * ?)',
  'rate(0 minutes)',
  'rate(1 minutes)',
  'rate(5 seconds)',
  'at(tomorrow)',
  'every day',
])('%s is no schedule', text => {
  expect(() => parseExpression(text, 'UTC')).toThrow(/Invalid Schedule Expression/)
})
