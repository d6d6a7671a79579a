// EventBridge: buses, rules with patterns or schedules, targets. Deliveries are at least once and survive a restart.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Cancel } from '../clock.ts'
import { AwsError, validation } from '../errors.ts'
import { arn, parseArn } from '../identity.ts'
import { Journal } from '../journal.ts'
import { Deliveries, type DeliveryEntry } from '../retries.ts'
import { nextTime, parseExpression } from '../scheduler/expression.ts'
import type { Service, World } from '../service.ts'
import type { Targets } from '../targets.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import { type TargetInput, transform } from './transform.ts'

export interface PublishedEvent {
  readonly source: string
  readonly detailType: string
  readonly detail: unknown
  readonly resources?: readonly string[]
  /** Milliseconds since the epoch; now when absent. */
  readonly time?: number
  readonly bus?: string
}

interface Target extends TargetInput {
  readonly Id: string
  readonly Arn: string
  readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number }
  readonly DeadLetterConfig?: { readonly Arn?: string }
  readonly SqsParameters?: { readonly MessageGroupId?: string }
}

interface RuleState {
  readonly bus: string
  readonly name: string
  readonly pattern?: string
  readonly schedule?: string
  readonly state: string
  readonly description?: string
  readonly roleArn?: string
  readonly targets: readonly Target[]
}

type Entry =
  | { k: 'bus'; name: string }
  | { k: 'nobus'; name: string }
  | { k: 'rule'; r: RuleState }
  | { k: 'norule'; bus: string; name: string }
  | DeliveryEntry

interface Rule {
  state: RuleState
  matches: Pattern | undefined
  cancel?: Cancel
}

const DAY = 86_400_000
const MAX_REQUEST = 1024 * 1024

interface PutEventsEntry {
  readonly Source?: string
  readonly DetailType?: string
  readonly Detail?: string
  readonly Resources?: string[]
  readonly EventBusName?: string
  /** Seconds since the epoch. */
  readonly Time?: number
}

export class Events implements Service {
  readonly name = 'events'
  readonly #world: World
  readonly #buses = new Set(['default'])
  readonly #rules = new Map<string, Rule>()
  readonly #journal: Journal<Entry>
  readonly #deliveries: Deliveries

  constructor(world: World, targets: Targets) {
    this.#world = world
    this.#deliveries = new Deliveries(world.clock, targets, () => this.#journal as Journal<DeliveryEntry>, world.log)
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'events.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => this.#snapshot(),
    })
  }

  /** Sends on what an earlier life accepted and did not deliver; starts rules with schedules. */
  resume(): void {
    this.#deliveries.resume()
    for (const rule of this.#rules.values()) this.#armSchedule(rule)
  }

  close(): void {
    this.#deliveries.close()
    for (const rule of this.#rules.values()) rule.cancel?.()
    this.#journal.close()
  }

  /** For the services of this AWS, whose source begins with "aws." */
  publish(event: PublishedEvent): string {
    const id = randomUUID()
    const { account, region } = this.#world.identity
    this.#route(event.bus ?? 'default', id, {
      version: '0',
      id,
      'detail-type': event.detailType,
      source: event.source,
      account,
      time: isoSeconds(event.time ?? this.#world.clock.now()),
      region,
      resources: event.resources ?? [],
      detail: event.detail,
    })
    return id
  }

  /** An event that comes whole from another bus. */
  forward(bus: string, event: string): void {
    this.#route(bus, randomUUID(), JSON.parse(event))
  }

  readonly operations = {
    PutEvents: (input: { Entries?: PutEventsEntry[] }) => {
      const entries = input.Entries ?? []
      if (entries.length === 0 || entries.length > 10) {
        throw validation(
          `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10`,
        )
      }
      const size = entries.reduce((sum, { Detail, DetailType, Source }) => sum + Buffer.byteLength(`${Detail}${DetailType}${Source}`), 0)
      if (size >= MAX_REQUEST) throw validation('Total size of the entries in the request is over the limit.')
      const results = entries.map(entry => this.#putEvent(entry))
      return { FailedEntryCount: results.filter(result => 'ErrorCode' in result).length, Entries: results }
    },

    CreateEventBus: (input: { Name?: string }) => {
      const name = input.Name ?? ''
      if (!/^[.\-_A-Za-z0-9]{1,256}$/.test(name)) throw validation(`Event bus name ${name} is not valid.`)
      if (this.#buses.has(name)) throw new AwsError('ResourceAlreadyExistsException', `Event bus ${name} already exists.`)
      this.#apply({ k: 'bus', name })
      return { EventBusArn: this.#busArn(name) }
    },
    DeleteEventBus: (input: { Name?: string }) => {
      const name = busName(input.Name)
      if (name === 'default') throw validation('Cannot delete event bus default.')
      if ([...this.#rules.values()].some(({ state }) => state.bus === name))
        throw validation("Event bus can't be deleted since it has rules.")
      if (this.#buses.has(name)) this.#apply({ k: 'nobus', name })
    },
    DescribeEventBus: (input: { Name?: string }) => {
      const name = this.#bus(input.Name)
      return { Name: name, Arn: this.#busArn(name) }
    },
    ListEventBuses: (input: { NamePrefix?: string }) => ({
      EventBuses: [...this.#buses]
        .filter(name => name.startsWith(input.NamePrefix ?? ''))
        .map(name => ({ Name: name, Arn: this.#busArn(name) })),
    }),

    PutRule: (input: {
      Name?: string
      EventBusName?: string
      EventPattern?: string
      ScheduleExpression?: string
      State?: string
      Description?: string
      RoleArn?: string
    }) => {
      const bus = this.#bus(input.EventBusName)
      const name = input.Name ?? ''
      if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) throw validation(`Rule name ${name} is not valid.`)
      if (!input.EventPattern && !input.ScheduleExpression)
        throw validation('Parameter(s) EventPattern or ScheduleExpression must be specified.')
      if (input.EventPattern) compilePattern(input.EventPattern)
      if (input.ScheduleExpression) parseExpression(input.ScheduleExpression, 'UTC')
      const targets = this.#rules.get(`${bus}/${name}`)?.state.targets ?? []
      this.#apply({
        k: 'rule',
        r: {
          bus,
          name,
          pattern: input.EventPattern,
          schedule: input.ScheduleExpression,
          state: input.State ?? 'ENABLED',
          description: input.Description,
          roleArn: input.RoleArn,
          targets,
        },
      })
      return { RuleArn: this.#ruleArn(bus, name) }
    },
    DeleteRule: (input: { Name?: string; EventBusName?: string; Force?: boolean }) => {
      const bus = busName(input.EventBusName)
      const rule = this.#rules.get(`${bus}/${input.Name}`)
      if (!rule) return
      if (rule.state.targets.length > 0) throw validation("Rule can't be deleted since it has targets.")
      this.#apply({ k: 'norule', bus, name: rule.state.name })
    },
    DescribeRule: (input: { Name?: string; EventBusName?: string }) => this.#describe(this.#rule(input).state),
    ListRules: (input: { EventBusName?: string; NamePrefix?: string }) => {
      const bus = this.#bus(input.EventBusName)
      const rules = [...this.#rules.values()].filter(({ state }) => state.bus === bus && state.name.startsWith(input.NamePrefix ?? ''))
      return { Rules: rules.map(({ state }) => this.#describe(state)) }
    },
    EnableRule: (input: { Name?: string; EventBusName?: string }) => this.#change(input, { state: 'ENABLED' }),
    DisableRule: (input: { Name?: string; EventBusName?: string }) => this.#change(input, { state: 'DISABLED' }),

    PutTargets: (input: { Rule?: string; EventBusName?: string; Targets?: Target[] }) => {
      const { state } = this.#rule({ ...input, Name: input.Rule })
      const given = input.Targets ?? []
      if (given.length === 0) throw validation('Targets must not be empty.')
      for (const { Id, Arn } of given) {
        if (!Id || !parseArn(Arn ?? '')) throw validation(`Parameter ${Arn} is not valid. Reason: Provided Arn is not in correct format.`)
      }
      const targets = [...state.targets.filter(({ Id }) => given.every(other => other.Id !== Id)), ...given]
      if (targets.length > 5) throw new AwsError('LimitExceededException', 'The requested resource exceeds the maximum number allowed.')
      this.#change({ ...input, Name: input.Rule }, { targets })
      return { FailedEntryCount: 0, FailedEntries: [] }
    },
    RemoveTargets: (input: { Rule?: string; EventBusName?: string; Ids?: string[] }) => {
      const { state } = this.#rule({ ...input, Name: input.Rule })
      this.#change({ ...input, Name: input.Rule }, { targets: state.targets.filter(({ Id }) => !input.Ids?.includes(Id)) })
      return { FailedEntryCount: 0, FailedEntries: [] }
    },
    ListTargetsByRule: (input: { Rule?: string; EventBusName?: string }) => ({
      Targets: this.#rule({ ...input, Name: input.Rule }).state.targets,
    }),

    TestEventPattern: (input: { EventPattern?: string; Event?: string }) => ({
      Result: compilePattern(input.EventPattern ?? '')(JSON.parse(input.Event ?? '{}')),
    }),
  }

  #putEvent(entry: PutEventsEntry): Record<string, string> {
    const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage })
    if (!entry.Source) return refuse('InvalidArgument', 'Parameter Source is not valid. Reason: Source is a required argument.')
    if (entry.Source.startsWith('aws.')) return refuse('NotAuthorizedForSourceException', 'Not authorized for the source.')
    if (!entry.DetailType) return refuse('InvalidArgument', 'Parameter DetailType is not valid. Reason: DetailType is a required argument.')
    let detail: unknown
    try {
      detail = JSON.parse(entry.Detail ?? '')
    } catch {
      return refuse('MalformedDetail', 'Detail is malformed.')
    }
    if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return refuse('MalformedDetail', 'Detail is malformed.')
    const bus = busName(entry.EventBusName)
    const event = { source: entry.Source, detailType: entry.DetailType, detail, resources: entry.Resources, bus }
    // An event for a bus that does not exist is accepted and goes nowhere, as on AWS.
    return { EventId: this.publish({ ...event, time: entry.Time === undefined ? undefined : entry.Time * 1000 }) }
  }

  #route(bus: string, id: string, event: unknown): void {
    for (const { state, matches } of this.#rules.values()) {
      if (state.bus !== bus || state.state !== 'ENABLED' || !matches?.(event)) continue
      this.#deliver(state, id, event)
    }
  }

  #deliver(rule: RuleState, id: string, event: unknown): void {
    for (const target of rule.targets) {
      this.#deliveries.accept({
        id: `${id}/${rule.name}/${target.Id}`,
        targetArn: target.Arn,
        payload: transform(target, event),
        messageGroupId: target.SqsParameters?.MessageGroupId,
        acceptedAt: this.#world.clock.now(),
        maxAttempts: target.RetryPolicy?.MaximumRetryAttempts ?? 185,
        maxAge: target.RetryPolicy?.MaximumEventAgeInSeconds === undefined ? DAY : target.RetryPolicy.MaximumEventAgeInSeconds * 1000,
        deadLetterArn: target.DeadLetterConfig?.Arn,
      })
    }
  }

  #bus(nameOrArn: string | undefined): string {
    const name = busName(nameOrArn)
    if (!this.#buses.has(name)) throw new AwsError('ResourceNotFoundException', `Event bus ${name} does not exist.`)
    return name
  }

  #rule(input: { Name?: string; EventBusName?: string }): Rule {
    const rule = this.#rules.get(`${this.#bus(input.EventBusName)}/${input.Name}`)
    if (!rule)
      throw new AwsError('ResourceNotFoundException', `Rule ${input.Name} does not exist on EventBus ${busName(input.EventBusName)}.`)
    return rule
  }

  #change(input: { Name?: string; EventBusName?: string }, change: Partial<RuleState>): void {
    this.#apply({ k: 'rule', r: { ...this.#rule(input).state, ...change } })
  }

  #describe(rule: RuleState): object {
    return {
      Name: rule.name,
      Arn: this.#ruleArn(rule.bus, rule.name),
      EventPattern: rule.pattern,
      ScheduleExpression: rule.schedule,
      State: rule.state,
      Description: rule.description,
      RoleArn: rule.roleArn,
      EventBusName: rule.bus,
    }
  }

  #armSchedule(rule: Rule): void {
    rule.cancel?.()
    rule.cancel = undefined
    const { schedule, state } = rule.state
    if (!schedule || state !== 'ENABLED') return
    const time = nextTime(parseExpression(schedule, 'UTC'), this.#world.clock.now())
    if (time === undefined) return
    rule.cancel = this.#world.clock.at(time, () => {
      const id = randomUUID()
      const { account, region } = this.#world.identity
      const resources = [this.#ruleArn(rule.state.bus, rule.state.name)]
      const event = {
        version: '0',
        id,
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        account,
        time: isoSeconds(time),
        region,
        resources,
        detail: {},
      }
      this.#deliver(rule.state, id, event)
      this.#armSchedule(rule)
    })
  }

  #apply(entry: Exclude<Entry, DeliveryEntry>): void {
    this.#journal.append(entry)
    this.#replay(entry)
    if (entry.k === 'rule') this.#armSchedule(this.#rules.get(`${entry.r.bus}/${entry.r.name}`)!)
  }

  #replay(entry: Entry): void {
    switch (entry.k) {
      case 'bus':
        this.#buses.add(entry.name)
        break
      case 'nobus':
        this.#buses.delete(entry.name)
        break
      case 'rule': {
        const key = `${entry.r.bus}/${entry.r.name}`
        const matches = entry.r.pattern === undefined ? undefined : compilePattern(entry.r.pattern)
        const rule = this.#rules.get(key)
        if (rule) Object.assign(rule, { state: entry.r, matches })
        else this.#rules.set(key, { state: entry.r, matches })
        break
      }
      case 'norule': {
        const key = `${entry.bus}/${entry.name}`
        this.#rules.get(key)?.cancel?.()
        this.#rules.delete(key)
        break
      }
      default:
        this.#deliveries.replay(entry)
    }
  }

  *#snapshot(): Iterable<Entry> {
    for (const name of this.#buses) if (name !== 'default') yield { k: 'bus', name }
    for (const { state } of this.#rules.values()) yield { k: 'rule', r: state }
    for (const d of this.#deliveries.pending) yield { k: 'deliver', d }
  }

  #busArn(name: string): string {
    return arn(this.#world.identity, 'events', `event-bus/${name}`)
  }

  #ruleArn(bus: string, name: string): string {
    return arn(this.#world.identity, 'events', bus === 'default' ? `rule/${name}` : `rule/${bus}/${name}`)
  }
}

const busName = (nameOrArn: string | undefined): string =>
  nameOrArn ? (parseArn(nameOrArn)?.resource.replace(/^event-bus\//, '') ?? nameOrArn) : 'default'

/** EventBridge's own time field has whole seconds. */
const isoSeconds = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`
