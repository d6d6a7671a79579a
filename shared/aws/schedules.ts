// Work for a far time: one EventBridge Scheduler schedule each, which exists until it fires.
import { createHash } from 'node:crypto'
import {
  ConflictException,
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  type SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler'
import { isMade } from '../cluster-name.ts'

export interface SchedulesOptions {
  readonly client: SchedulerClient
  /** Schedule group. */
  readonly group: string
  /** Role that Scheduler assumes to invoke the target. */
  readonly roleArn: string
  /** The tick function. */
  readonly targetArn: string
  /** What the schedules' names begin with; absent: nothing. */
  readonly prefix?: string
}

/** By this the schedules of a cluster's work are found when it is deleted. Those of the default cluster have none. */
export const schedulePrefix = (cluster: string): string => (isMade(cluster) ? `${digest(cluster).slice(0, 16)}-` : '')

/** Invokes the tick function with `input` at `due` (ms since the epoch; whole seconds, never early). The same name again replaces the time. */
export async function scheduleAt(options: SchedulesOptions, name: string, due: number, input: object): Promise<void> {
  const schedule = describe(options, name, due, input)
  if (!(await create(options, schedule))) await options.client.send(new UpdateScheduleCommand(schedule))
}

/** As scheduleAt, but a schedule of that name that is already there stays as it is. */
export async function scheduleUnlessScheduled(options: SchedulesOptions, name: string, due: number, input: object): Promise<void> {
  await create(options, describe(options, name, due, input))
}

function describe(options: SchedulesOptions, name: string, due: number, input: object): CreateScheduleCommandInput {
  return {
    // 64 letters at most, while names of objects may have 253.
    Name: `${options.prefix ?? ''}${digest(name).slice(0, 40)}`,
    GroupName: options.group,
    ScheduleExpression: `at(${new Date(Math.ceil(due / 1000) * 1000).toISOString().slice(0, 19)})`,
    ScheduleExpressionTimezone: 'UTC',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: { Arn: options.targetArn, RoleArn: options.roleArn, Input: JSON.stringify(input) },
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex')

async function create({ client }: SchedulesOptions, schedule: CreateScheduleCommandInput): Promise<boolean> {
  try {
    await client.send(new CreateScheduleCommand(schedule))
    return true
  } catch (error) {
    if (error instanceof ConflictException) return false
    throw error
  }
}
