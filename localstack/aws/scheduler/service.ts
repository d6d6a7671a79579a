// EventBridge Scheduler: schedules, groups, and the one timer each waiting schedule needs.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Cancel } from '../clock.ts'
import { AwsError, validation } from '../errors.ts'
import { arn, parseArn } from '../identity.ts'
import { Journal } from '../journal.ts'
import { Deliveries, type DeliveryEntry } from '../retries.ts'
import type { RestRoute } from '../server.ts'
import type { Service, World } from '../service.ts'
import type { Targets } from '../targets.ts'
import { type Expression, nextTime, parseExpression } from './expression.ts'

interface ScheduleTarget {
  readonly Arn: string
  readonly RoleArn: string
  readonly Input?: string
  readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number }
  readonly DeadLetterConfig?: { readonly Arn?: string }
  readonly SqsParameters?: { readonly MessageGroupId?: string }
  readonly EventBridgeParameters?: { readonly DetailType: string; readonly Source: string }
}

interface ScheduleInput {
  readonly Name?: string
  readonly GroupName?: string
  readonly ScheduleExpression?: string
  readonly ScheduleExpressionTimezone?: string
  readonly State?: string
  readonly Description?: string
  /** Seconds since the epoch. */
  readonly StartDate?: number
  readonly EndDate?: number
  readonly FlexibleTimeWindow?: { readonly Mode?: string; readonly MaximumWindowInMinutes?: number }
  readonly Target?: ScheduleTarget
  readonly ActionAfterCompletion?: string
  readonly ClientToken?: string
}

type Given = ScheduleInput & {
  readonly Name: string
  readonly GroupName: string
  readonly ScheduleExpression: string
  readonly Target: ScheduleTarget
}

/** As it is kept. Times in milliseconds. */
interface ScheduleState {
  readonly given: Given
  readonly created: number
  readonly modified: number
  /** When it last fired: a restart finds out from it what was missed. */
  readonly fired?: number
}

type Entry =
  | { k: 'group'; name: string; created: number }
  | { k: 'nogroup'; name: string }
  | { k: 'put'; s: ScheduleState }
  | { k: 'del'; group: string; name: string }
  | { k: 'fired'; group: string; name: string; time: number }
  | DeliveryEntry

interface Schedule {
  state: ScheduleState
  expression: Expression
  cancel?: Cancel
}

const DAY = 86_400_000
const notFound = (what: string, name: string): AwsError =>
  new AwsError('ResourceNotFoundException', `${what} ${name} does not exist.`, { status: 404 })
const conflict = (what: string, name: string): AwsError =>
  new AwsError('ConflictException', `${what} ${name} already exists.`, { status: 409 })

export class Scheduler implements Service {
  readonly name = 'scheduler'
  readonly #world: World
  readonly #groups = new Map<string, number>()
  readonly #schedules = new Map<string, Schedule>()
  readonly #journal: Journal<Entry>
  readonly #deliveries: Deliveries

  constructor(world: World, targets: Targets) {
    this.#world = world
    this.#groups.set('default', world.clock.now())
    this.#deliveries = new Deliveries(world.clock, targets, () => this.#journal as Journal<DeliveryEntry>, world.log)
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'scheduler.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => this.#snapshot(),
    })
  }

  /** Arms every schedule. What fell due while nobody was here fires once, now. */
  resume(): void {
    this.#deliveries.resume()
    for (const schedule of this.#schedules.values()) this.#arm(schedule)
  }

  close(): void {
    this.#deliveries.close()
    for (const schedule of this.#schedules.values()) schedule.cancel?.()
    this.#journal.close()
  }

  readonly operations = {
    CreateScheduleGroup: (input: { Name?: string }) => {
      const name = checkName(input.Name)
      if (this.#groups.has(name)) throw conflict('Schedule group', name)
      this.#apply({ k: 'group', name, created: this.#world.clock.now() })
      return { ScheduleGroupArn: this.#groupArn(name) }
    },
    DeleteScheduleGroup: (input: { Name?: string }) => {
      const name = this.#group(input.Name)
      if (name === 'default') throw validation('Cannot delete default schedule group.')
      this.#apply({ k: 'nogroup', name })
    },
    GetScheduleGroup: (input: { Name?: string }) => this.#describeGroup(this.#group(input.Name)),
    ListScheduleGroups: (input: { NamePrefix?: string }) => ({
      ScheduleGroups: [...this.#groups.keys()]
        .filter(name => name.startsWith(input.NamePrefix ?? ''))
        .map(name => this.#describeGroup(name)),
    }),

    CreateSchedule: (input: ScheduleInput) => {
      const given = this.#check(input)
      const existing = this.#schedules.get(keyOf(given.GroupName, given.Name))
      // The same client token again is the same request again.
      if (existing && (!given.ClientToken || existing.state.given.ClientToken !== given.ClientToken)) throw conflict('Schedule', given.Name)
      if (!existing) this.#put(given, this.#world.clock.now())
      return { ScheduleArn: this.#arn(given) }
    },
    UpdateSchedule: (input: ScheduleInput) => {
      const given = this.#check(input)
      this.#put(given, this.#schedule(given).state.created)
      return { ScheduleArn: this.#arn(given) }
    },
    GetSchedule: (input: { Name?: string; GroupName?: string }) => {
      const { given, created, modified } = this.#schedule(input).state
      const { ClientToken: _, ...answer } = given
      return { ...answer, Arn: this.#arn(given), CreationDate: created / 1000, LastModificationDate: modified / 1000 }
    },
    DeleteSchedule: (input: { Name?: string; GroupName?: string }) => {
      const { given } = this.#schedule(input).state
      this.#apply({ k: 'del', group: given.GroupName, name: given.Name })
    },
    ListSchedules: (input: { GroupName?: string; NamePrefix?: string; State?: string; MaxResults?: number; NextToken?: string }) => {
      const limit = input.MaxResults ?? 100
      const all = [...this.#schedules.values()]
        .map(({ state }) => state)
        .filter(({ given }) => !input.GroupName || given.GroupName === input.GroupName)
        .filter(({ given }) => given.Name.startsWith(input.NamePrefix ?? '') && (!input.State || given.State === input.State))
        .sort((a, b) => compare(keyOf(a.given.GroupName, a.given.Name), keyOf(b.given.GroupName, b.given.Name)))
        .filter(({ given }) => !input.NextToken || keyOf(given.GroupName, given.Name) > input.NextToken)
      const page = all.slice(0, limit)
      const last = page.at(-1)
      return {
        Schedules: page.map(({ given, created, modified }) => ({
          Arn: this.#arn(given),
          Name: given.Name,
          GroupName: given.GroupName,
          State: given.State,
          CreationDate: created / 1000,
          LastModificationDate: modified / 1000,
          Target: { Arn: given.Target.Arn },
        })),
        NextToken: all.length > limit && last ? keyOf(last.given.GroupName, last.given.Name) : undefined,
      }
    },
  }

  #check(input: ScheduleInput): Given {
    const Name = checkName(input.Name)
    const GroupName = this.#group(input.GroupName)
    const { ScheduleExpression, Target } = input
    if (!ScheduleExpression) throw validation('ScheduleExpression is required.')
    parseExpression(ScheduleExpression, input.ScheduleExpressionTimezone ?? 'UTC')
    if (!Target?.Arn || !parseArn(Target.Arn)) throw validation(`Provided Arn is not in correct format: ${Target?.Arn}`)
    if (!Target.RoleArn) throw validation('Target.RoleArn is required.')
    const mode = input.FlexibleTimeWindow?.Mode
    if (mode !== 'OFF' && mode !== 'FLEXIBLE') throw validation('FlexibleTimeWindow.Mode must be OFF or FLEXIBLE.')
    return {
      State: 'ENABLED',
      ScheduleExpressionTimezone: 'UTC',
      ActionAfterCompletion: 'NONE',
      ...input,
      Name,
      GroupName,
      ScheduleExpression,
      Target,
    }
  }

  #put(given: Given, created: number): void {
    this.#apply({ k: 'put', s: { given, created, modified: this.#world.clock.now() } })
    this.#arm(this.#schedules.get(keyOf(given.GroupName, given.Name))!)
  }

  #arm(schedule: Schedule): void {
    schedule.cancel?.()
    schedule.cancel = undefined
    const { given, created, modified, fired } = schedule.state
    if (given.State !== 'ENABLED') return
    const { expression } = schedule
    const time =
      expression.kind === 'at'
        ? fired === undefined
          ? expression.time
          : undefined
        : nextTime(
            expression,
            Math.max(fired ?? modified, (given.StartDate ?? 0) * 1000 - 1),
            given.StartDate === undefined ? created : given.StartDate * 1000,
          )
    if (time === undefined || (given.EndDate !== undefined && time > given.EndDate * 1000)) {
      this.#complete(schedule)
      return
    }
    schedule.cancel = this.#world.clock.at(time, () => this.#fire(schedule, time))
  }

  #fire(schedule: Schedule, time: number): void {
    const { given } = schedule.state
    const id = randomUUID()
    this.#deliveries.accept({
      id,
      targetArn: given.Target.Arn,
      payload: this.#payload(given, id, time),
      messageGroupId: given.Target.SqsParameters?.MessageGroupId,
      acceptedAt: this.#world.clock.now(),
      maxAttempts: given.Target.RetryPolicy?.MaximumRetryAttempts ?? 185,
      maxAge:
        given.Target.RetryPolicy?.MaximumEventAgeInSeconds === undefined ? DAY : given.Target.RetryPolicy.MaximumEventAgeInSeconds * 1000,
      deadLetterArn: given.Target.DeadLetterConfig?.Arn,
    })
    // Now, not the time it was due: what was missed while the process was down fires once, not once for each time.
    this.#apply({ k: 'fired', group: given.GroupName, name: given.Name, time: Math.max(time, this.#world.clock.now()) })
    this.#arm(schedule)
  }

  #payload(given: Given, executionId: string, time: number): string {
    const input = given.Target.Input
    const parameters = given.Target.EventBridgeParameters
    if (parameters) {
      const { account, region } = this.#world.identity
      const detail = JSON.parse(input ?? '{}') as unknown
      const event = { version: '0', id: executionId, 'detail-type': parameters.DetailType, source: parameters.Source, account, region }
      return JSON.stringify({ ...event, time: iso(time), resources: [this.#arn(given)], detail })
    }
    const words: Readonly<Record<string, string>> = {
      'schedule-arn': this.#arn(given),
      'scheduled-time': iso(time),
      'execution-id': executionId,
      'attempt-number': '1',
    }
    return (input ?? '{}').replace(/<aws\.scheduler\.([a-z-]+)>/g, (whole, word: string) => words[word] ?? whole)
  }

  #complete(schedule: Schedule): void {
    const { given } = schedule.state
    if (given.ActionAfterCompletion === 'DELETE') this.#apply({ k: 'del', group: given.GroupName, name: given.Name })
  }

  #group(name: string | undefined): string {
    const group = name ?? 'default'
    if (!this.#groups.has(group)) throw notFound('Schedule group', group)
    return group
  }

  #schedule(input: { Name?: string; GroupName?: string }): Schedule {
    const schedule = this.#schedules.get(keyOf(input.GroupName ?? 'default', input.Name ?? ''))
    if (!schedule) throw notFound('Schedule', input.Name ?? '')
    return schedule
  }

  #describeGroup(name: string): object {
    const created = this.#groups.get(name)! / 1000
    return { Name: name, Arn: this.#groupArn(name), State: 'ACTIVE', CreationDate: created, LastModificationDate: created }
  }

  #groupArn(name: string): string {
    return arn(this.#world.identity, 'scheduler', `schedule-group/${name}`)
  }

  #arn(given: { GroupName: string; Name: string }): string {
    return arn(this.#world.identity, 'scheduler', `schedule/${given.GroupName}/${given.Name}`)
  }

  #apply(entry: Entry): void {
    this.#journal.append(entry)
    this.#replay(entry)
  }

  #replay(entry: Entry): void {
    switch (entry.k) {
      case 'group':
        this.#groups.set(entry.name, entry.created)
        break
      case 'nogroup':
        this.#groups.delete(entry.name)
        for (const { state } of [...this.#schedules.values()])
          if (state.given.GroupName === entry.name) this.#drop(entry.name, state.given.Name)
        break
      case 'put': {
        const key = keyOf(entry.s.given.GroupName, entry.s.given.Name)
        const expression = parseExpression(entry.s.given.ScheduleExpression, entry.s.given.ScheduleExpressionTimezone ?? 'UTC')
        const schedule = this.#schedules.get(key)
        if (schedule) Object.assign(schedule, { state: entry.s, expression })
        else this.#schedules.set(key, { state: entry.s, expression })
        break
      }
      case 'del':
        this.#drop(entry.group, entry.name)
        break
      case 'fired': {
        const schedule = this.#schedules.get(keyOf(entry.group, entry.name))
        if (schedule) schedule.state = { ...schedule.state, fired: entry.time }
        break
      }
      default:
        this.#deliveries.replay(entry)
    }
  }

  #drop(group: string, name: string): void {
    const key = keyOf(group, name)
    this.#schedules.get(key)?.cancel?.()
    this.#schedules.delete(key)
  }

  *#snapshot(): Iterable<Entry> {
    for (const [name, created] of this.#groups) if (name !== 'default') yield { k: 'group', name, created }
    for (const { state } of this.#schedules.values()) yield { k: 'put', s: state }
    for (const d of this.#deliveries.pending) yield { k: 'deliver', d }
  }
}

function checkName(name: string | undefined): string {
  if (!name || !/^[0-9a-zA-Z-_.]{1,64}$/.test(name)) {
    throw validation(
      `Value '${name ?? ''}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$ and have length 1 to 64`,
    )
  }
  return name
}

const keyOf = (group: string, name: string): string => `${group}/${name}`
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const iso = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`

/** Method and path to operation, as the service's REST model has them. */
export const schedulerRoute: RestRoute = (method, path, query) => {
  const [, kind, name, ...rest] = path.split('/')
  if ((kind !== 'schedules' && kind !== 'schedule-groups') || rest.length > 0) return undefined
  const noun = kind === 'schedules' ? 'Schedule' : 'ScheduleGroup'
  const limit = query.get('MaxResults')
  const input: Record<string, unknown> = {
    NamePrefix: query.get('NamePrefix') ?? undefined,
    State: query.get('State') ?? undefined,
    NextToken: query.get('NextToken') ?? undefined,
    MaxResults: limit === null ? undefined : Number(limit),
    ClientToken: query.get('clientToken') ?? undefined,
    GroupName: query.get(name ? 'groupName' : 'ScheduleGroup') ?? undefined,
    Name: name,
  }
  const verbs: Readonly<Record<string, string>> = name ? { POST: 'Create', PUT: 'Update', GET: 'Get', DELETE: 'Delete' } : { GET: 'List' }
  const verb = verbs[method]
  if (!verb) return undefined
  return {
    operation: `${verb}${noun}${name ? '' : 's'}`,
    input: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  }
}
