// CloudWatch Logs.
import type { ServerResponse } from 'node:http'
import { AwsError } from '../errors.ts'
import { arn, parseArn } from '../identity.ts'
import type { Call, Service, World } from '../service.ts'
import { eventFrame } from './event-stream.ts'
import { compileFilter } from './filter.ts'
import { type Listener, LogGroups } from './groups.ts'
import type { LogStream, Placed } from './stream.ts'

interface Names {
  readonly logGroupName?: string
  readonly logGroupIdentifier?: string
  readonly logStreamName?: string
}

/** GetLogEvents answers at most so many bytes, counted as CloudWatch counts: message plus 26 bytes each. */
const MAX_ANSWER = 1024 * 1024
const PER_EVENT = 26
const MAX_EVENTS = 10_000
const MAX_BATCH = 1_048_576
const RETENTIONS = new Set([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653])

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message)

export class Logs implements Service {
  readonly name = 'logs'
  readonly groups: LogGroups
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.groups = new LogGroups(world)
  }

  close(): void {
    this.groups.close()
  }

  /** For writers in this process (the awslogs driver): the stream is made when it is missing. @throws AwsError when the group is missing. */
  write(group: string, stream: string, events: readonly { timestamp: number; message: string }[]): void {
    if (!this.groups.group(group).streams.has(stream)) this.groups.createStream(group, stream)
    this.groups.append(group, stream, events)
  }

  readonly operations = {
    CreateLogGroup: (input: { logGroupName?: string; tags?: Record<string, string> }) => {
      const name = input.logGroupName ?? ''
      if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name)) {
        throw invalid(
          `1 validation error detected: Value '${name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+`,
        )
      }
      this.groups.createGroup(name, input.tags)
    },
    DeleteLogGroup: (input: Names) => this.groups.deleteGroup(groupOf(input)),
    DescribeLogGroups: (input: { logGroupNamePrefix?: string; limit?: number; nextToken?: string }) => {
      const all = [...this.groups.all]
        .filter(({ name }) => name.startsWith(input.logGroupNamePrefix ?? ''))
        .sort((a, b) => compare(a.name, b.name))
      const { items, nextToken } = page(all, ({ name }) => name, input.limit ?? 50, input.nextToken)
      const logGroups = items.map(({ name, created, retentionDays, streams }) => ({
        logGroupName: name,
        creationTime: created,
        retentionInDays: retentionDays,
        metricFilterCount: 0,
        arn: `${this.#groupArn(name)}:*`,
        logGroupArn: this.#groupArn(name),
        storedBytes: [...streams.values()].reduce((sum, { extent }) => sum + extent.size, 0),
      }))
      return { logGroups, nextToken }
    },
    PutRetentionPolicy: (input: Names & { retentionInDays?: number }) => {
      if (!RETENTIONS.has(input.retentionInDays ?? 0))
        throw invalid(`${input.retentionInDays} days is no retention that CloudWatch Logs offers`)
      this.groups.changeGroup(groupOf(input), { retentionDays: input.retentionInDays })
    },
    DeleteRetentionPolicy: (input: Names) => this.groups.changeGroup(groupOf(input), { retentionDays: null }),
    TagResource: (input: { resourceArn?: string; tags?: Record<string, string> }) => {
      const name = groupOf({ logGroupIdentifier: input.resourceArn })
      this.groups.changeGroup(name, { tags: { ...this.groups.group(name).tags, ...input.tags } })
    },
    UntagResource: (input: { resourceArn?: string; tagKeys?: string[] }) => {
      const name = groupOf({ logGroupIdentifier: input.resourceArn })
      const tags = Object.fromEntries(Object.entries(this.groups.group(name).tags).filter(([key]) => !input.tagKeys?.includes(key)))
      this.groups.changeGroup(name, { tags })
    },
    ListTagsForResource: (input: { resourceArn?: string }) => ({
      tags: this.groups.group(groupOf({ logGroupIdentifier: input.resourceArn })).tags,
    }),

    CreateLogStream: (input: Names) => {
      const name = input.logStreamName ?? ''
      if (!/^[^:*]{1,512}$/.test(name))
        throw invalid(`1 validation error detected: Value '${name}' at 'logStreamName' failed to satisfy constraint`)
      this.groups.createStream(groupOf(input), name)
    },
    DeleteLogStream: (input: Names) => this.groups.deleteStream(groupOf(input), input.logStreamName ?? ''),
    DescribeLogStreams: (
      input: Names & { logStreamNamePrefix?: string; orderBy?: string; descending?: boolean; limit?: number; nextToken?: string },
    ) => {
      if (input.orderBy === 'LastEventTime' && input.logStreamNamePrefix)
        throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.')
      this.groups.sweep()
      const group = groupOf(input)
      const streams = [...this.groups.group(group).streams.values()].filter(({ name }) => name.startsWith(input.logStreamNamePrefix ?? ''))
      const order =
        input.orderBy === 'LastEventTime'
          ? (stream: LogStream) => `${String(stream.extent.last ?? 0).padStart(15, '0')} ${stream.name}`
          : (stream: LogStream) => stream.name
      streams.sort((a, b) => compare(order(a), order(b)) * (input.descending ? -1 : 1))
      const { items, nextToken } = page(streams, order, input.limit ?? 50, input.nextToken, input.descending)
      const logStreams = items.map(stream => ({
        logStreamName: stream.name,
        creationTime: stream.created,
        firstEventTimestamp: stream.extent.first,
        lastEventTimestamp: stream.extent.last,
        lastIngestionTime: stream.extent.lastIngestion,
        arn: `${this.#groupArn(group)}:log-stream:${stream.name}`,
        storedBytes: 0,
      }))
      return { logStreams, nextToken }
    },

    PutLogEvents: (input: Names & { logEvents?: { timestamp: number; message: string }[] }) => {
      const events = input.logEvents ?? []
      if (events.length === 0 || events.length > MAX_EVENTS)
        throw invalid(
          "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length between 1 and 10000",
        )
      if (events.some((event, at) => at > 0 && event.timestamp < events[at - 1]!.timestamp)) {
        throw invalid('Log events in a single PutLogEvents request must be in chronological order.')
      }
      if (events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + PER_EVENT, 0) > MAX_BATCH)
        throw invalid(`Upload too large: more than ${MAX_BATCH} bytes`)
      this.groups.append(groupOf(input), input.logStreamName ?? '', events)
      return { nextSequenceToken: String(this.#world.clock.now()) }
    },

    GetLogEvents: (
      input: Names & { startTime?: number; endTime?: number; limit?: number; nextToken?: string; startFromHead?: boolean },
    ) => {
      const stream = this.groups.stream(groupOf(input), input.logStreamName ?? '')
      const [direction, place] = input.nextToken === undefined ? [input.startFromHead ? 'f' : 'b', undefined] : tokenOf(input.nextToken)
      const wanted = { from: input.startTime ?? Number.NEGATIVE_INFINITY, to: input.endTime ?? Number.POSITIVE_INFINITY }
      const limit = Math.min(input.limit ?? MAX_EVENTS, MAX_EVENTS)
      const read =
        direction === 'f'
          ? readForward(stream, place ?? stream.placeOf(wanted.from), wanted, limit)
          : readBackward(stream, place ?? stream.extent.size, wanted, limit)
      return {
        events: read.events.map(({ timestamp, message, ingestionTime }) => ({ timestamp, message, ingestionTime })),
        nextForwardToken: `f/${String(read.last).padStart(20, '0')}/s`,
        nextBackwardToken: `b/${String(read.first).padStart(20, '0')}/s`,
      }
    },

    FilterLogEvents: (
      input: Names & {
        logStreamNames?: string[]
        logStreamNamePrefix?: string
        startTime?: number
        endTime?: number
        filterPattern?: string
        limit?: number
        nextToken?: string
      },
    ) => {
      if (input.logStreamNames && input.logStreamNamePrefix)
        throw invalid('Only one of logStreamNames and logStreamNamePrefix can be given.')
      const group = this.groups.group(groupOf(input))
      const matches = compileFilter(input.filterPattern)
      const wanted = { from: input.startTime ?? Number.NEGATIVE_INFINITY, to: input.endTime ?? Number.POSITIVE_INFINITY }
      const limit = Math.min(input.limit ?? MAX_EVENTS, MAX_EVENTS)
      const streams = input.logStreamNames
        ? input.logStreamNames.map(name => this.groups.stream(group.name, name))
        : [...group.streams.values()].filter(({ name }) => name.startsWith(input.logStreamNamePrefix ?? ''))
      const skip = input.nextToken === undefined ? 0 : Number(input.nextToken)
      const found: { stream: string; event: Placed }[] = []
      for (const stream of streams) {
        for (const event of collect(stream.forward(stream.placeOf(wanted.from)), wanted, skip + limit + 1, matches).found)
          found.push({ stream: stream.name, event })
      }
      // Stable: events of one millisecond keep their stream's order.
      found.sort((a, b) => a.event.timestamp - b.event.timestamp)
      const events = found.slice(skip, skip + limit).map(({ stream, event }) => ({
        logStreamName: stream,
        timestamp: event.timestamp,
        message: event.message,
        ingestionTime: event.ingestionTime,
        eventId: `${event.timestamp}${stream}${event.offset}`,
      }))
      return { events, searchedLogStreams: [], nextToken: found.length > skip + limit ? String(skip + limit) : undefined }
    },
  }

  readonly raw = {
    /** Updates come as they are written; AWS sends one update a second, we send when there is something. */
    StartLiveTail: async (
      input: {
        logGroupIdentifiers?: string[]
        logStreamNames?: string[]
        logStreamNamePrefixes?: string[]
        logEventFilterPattern?: string
      },
      call: Call,
      response: ServerResponse,
    ) => {
      const names = (input.logGroupIdentifiers ?? []).map(identifier => groupOf({ logGroupIdentifier: identifier }))
      for (const name of names) this.groups.group(name)
      const matches = compileFilter(input.logEventFilterPattern)
      const wants = (stream: string) =>
        (!input.logStreamNames?.length || input.logStreamNames.includes(stream)) &&
        (!input.logStreamNamePrefixes?.length || input.logStreamNamePrefixes.some(prefix => stream.startsWith(prefix)))
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
      response.write(eventFrame('initial-response', {}))
      response.write(eventFrame('sessionStart', { requestId: '', sessionId: String(this.#world.clock.now()), ...input }))
      const listener: Listener = (group, stream, events, ingestionTime) => {
        if (!names.includes(group) || !wants(stream)) return
        const identity = { logStreamName: stream, logGroupIdentifier: `${this.#world.identity.account}:${group}`, ingestionTime }
        const sessionResults = events
          .filter(({ message }) => matches(message))
          .map(({ timestamp, message }) => ({ ...identity, timestamp, message }))
        if (sessionResults.length > 0) response.write(eventFrame('sessionUpdate', { sessionMetadata: { sampled: false }, sessionResults }))
      }
      this.groups.listeners.add(listener)
      await new Promise<void>(resolve => call.signal.addEventListener('abort', () => resolve(), { once: true }))
      this.groups.listeners.delete(listener)
      response.end()
    },
  }

  #groupArn(name: string): string {
    return arn(this.#world.identity, 'logs', `log-group:${name}`)
  }
}

/** By name, or by ARN (with or without the trailing ":*"). */
function groupOf(input: Names): string {
  const name = input.logGroupName ?? input.logGroupIdentifier
  if (!name) throw invalid('Exactly one of logGroupName and logGroupIdentifier must be given.')
  const parsed = parseArn(name)
  return parsed ? parsed.resource.replace(/^log-group:/, '').replace(/:\*$/, '') : name
}

interface Range {
  /** Milliseconds, inclusive and exclusive. */
  readonly from: number
  readonly to: number
}

/** `stopped`: the event that did not fit any more; undefined when all were looked at. */
function collect(
  events: Iterable<Placed>,
  wanted: Range,
  limit: number,
  matches: (message: string) => boolean = () => true,
): { found: Placed[]; stopped?: Placed } {
  const found: Placed[] = []
  let bytes = 0
  for (const event of events) {
    if (event.timestamp < wanted.from || event.timestamp >= wanted.to || !matches(event.message)) continue
    bytes += Buffer.byteLength(event.message) + PER_EVENT
    if (found.length >= limit || (bytes > MAX_ANSWER && found.length > 0)) return { found, stopped: event }
    found.push(event)
  }
  return { found }
}

/** A page of a stream, with the places where the pages after and before it begin. */
interface Page {
  readonly events: readonly Placed[]
  readonly first: number
  readonly last: number
}

function readForward(stream: LogStream, place: number, wanted: Range, limit: number): Page {
  const { found, stopped } = collect(stream.forward(place), wanted, limit)
  return { events: found, first: place, last: stopped?.offset ?? Math.max(place, stream.extent.size) }
}

function readBackward(stream: LogStream, place: number, wanted: Range, limit: number): Page {
  const { found, stopped } = collect(stream.backward(place), wanted, limit)
  return { events: found.reverse(), first: stopped?.next ?? 0, last: place }
}

function tokenOf(token: string): [direction: string, place: number] {
  const [, direction, place] = token.match(/^([fb])\/(\d+)\/s$/) ?? []
  if (!direction) throw invalid('The specified nextToken is invalid.')
  return [direction, Number(place)]
}

function page<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  limit: number,
  token: string | undefined,
  descending = false,
): { items: readonly T[]; nextToken?: string } {
  const rest = token === undefined ? all : all.filter(item => (descending ? keyOf(item) < token : keyOf(item) > token))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return { items, nextToken: rest.length > limit && last !== undefined ? keyOf(last) : undefined }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
