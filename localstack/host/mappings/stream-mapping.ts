// Lambda's event source mapping for DynamoDB Streams: reads each shard in order, filters, invokes, remembers how far it is. It reads
// when it is told that something was written, and otherwise only now and then: an idle cluster costs nothing.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { type JsonCall, JsonCallError } from '../json-rpc.ts'
import type { Invoke } from './invoke.ts'
import type { Mapping } from './queue-mapping.ts'
import { processBatch } from './stream-batches.ts'

export interface StreamMappingOptions {
  readonly streams: JsonCall
  readonly tableName: string
  readonly functionName: string
  readonly batchSize: number
  readonly retryAttempts: number
  readonly bisectOnError: boolean
  /** A record that it refuses is skipped without an invocation. */
  readonly filter: (record: unknown) => boolean
  readonly invoke: Invoke
  /** Where batches go that were tried often enough. */
  readonly onFailure: (description: object) => void
  /** File that remembers, per shard, the last record that was processed. Lost or old: records come again. */
  readonly checkpointFile: string | undefined
  readonly log: (line: string) => void
}

export interface StreamMapping extends Mapping {
  /** Something was written. */
  wake(): void
}

const TARGET = 'DynamoDBStreams_20120810.'
/** DynamoDB's own limit for one GetRecords. */
const READ_LIMIT = 1000
/** Without being woken it looks so often; only a missed wake-up needs it. */
const SLOW_POLL_MS = 10_000
/** A write is two or three requests: reading starts when they have come in. */
const GATHER_MS = 4
const RETRY_MS = 500

export async function mapStream(options: StreamMappingOptions): Promise<StreamMapping> {
  const reader = new StreamReader(options)
  await reader.open()
  const stopping = new AbortController()
  let woken = true
  let alarm: (() => void) | undefined
  const wake = () => {
    woken = true
    alarm?.()
  }
  const run = async () => {
    while (!stopping.signal.aborted) {
      if (!woken) await nextWake()
      if (stopping.signal.aborted) break
      woken = false
      try {
        await reader.readAll(stopping.signal)
      } catch (error) {
        if (stopping.signal.aborted) break
        options.log(`stream of ${options.tableName}: ${error instanceof Error ? error.message : String(error)}; trying again`)
        woken = true
        await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
  }
  const nextWake = () =>
    new Promise<void>(resolve => {
      const slow = setTimeout(resolve, SLOW_POLL_MS)
      alarm = () => {
        alarm = undefined
        clearTimeout(slow)
        setTimeout(resolve, GATHER_MS)
      }
    })
  const running = run()
  return {
    wake,
    async stop() {
      stopping.abort()
      wake()
      await running
      reader.saveCheckpoint()
    },
  }
}

interface Checkpoint {
  readonly streamArn: string
  readonly shards: Readonly<Record<string, string>>
}

class StreamReader {
  readonly #options: StreamMappingOptions
  #streamArn = ''
  /** Last processed sequence number of each shard. */
  readonly #done = new Map<string, string>()
  /** Where to go on reading; a shard that was read to its end has null. */
  readonly #iterators = new Map<string, string | null>()
  #saved = 0

  constructor(options: StreamMappingOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { Streams } = (await this.#call('ListStreams', { TableName: this.#options.tableName })) as { Streams?: { StreamArn: string }[] }
    const stream = Streams?.at(-1)
    if (!stream) throw new Error(`table ${this.#options.tableName} has no stream`)
    this.#streamArn = stream.StreamArn
    const checkpoint = this.#readCheckpoint()
    if (checkpoint?.streamArn === this.#streamArn) {
      for (const [shard, sequence] of Object.entries(checkpoint.shards)) this.#done.set(shard, sequence)
    }
    await this.#findShards()
  }

  /** Reads every open shard until it has nothing more. */
  async readAll(signal: AbortSignal): Promise<void> {
    // Shards found on the way join the map and this loop.
    for (const shard of this.#iterators.keys()) {
      while (!signal.aborted && (await this.#read(shard, signal)));
    }
    if (this.#saved + 1000 < Date.now()) this.saveCheckpoint()
  }

  saveCheckpoint(): void {
    const file = this.#options.checkpointFile
    if (!file) return
    const checkpoint: Checkpoint = { streamArn: this.#streamArn, shards: Object.fromEntries(this.#done) }
    writeFileSync(`${file}.new`, JSON.stringify(checkpoint))
    renameSync(`${file}.new`, file)
    this.#saved = Date.now()
  }

  #readCheckpoint(): Checkpoint | undefined {
    try {
      return this.#options.checkpointFile ? (JSON.parse(readFileSync(this.#options.checkpointFile, 'utf8')) as Checkpoint) : undefined
    } catch {
      return undefined
    }
  }

  /** True when there may be more to read at once. */
  async #read(shard: string, signal: AbortSignal): Promise<boolean> {
    const from = this.#iterators.get(shard)
    if (from === null) return false
    const iterator = from ?? (await this.#iterator(shard))
    let reply: { Records?: DynamoDBRecord[]; NextShardIterator?: string }
    try {
      reply = await this.#call('GetRecords', { ShardIterator: iterator, Limit: READ_LIMIT })
    } catch (error) {
      // Iterators live for 15 minutes; a new one continues after what was processed.
      if (error instanceof JsonCallError && /ExpiredIterator|TrimmedDataAccess/.test(error.name)) {
        if (error.name.startsWith('Trimmed')) this.#done.delete(shard)
        this.#iterators.delete(shard)
        this.#iterators.set(shard, await this.#iterator(shard))
        return true
      }
      throw error
    }
    const records = reply.Records ?? []
    await this.#process(shard, records, signal)
    if (reply.NextShardIterator !== undefined) {
      this.#iterators.set(shard, reply.NextShardIterator)
      return records.length > 0
    }
    // A closed shard has children.
    this.#iterators.set(shard, null)
    await this.#findShards()
    return false
  }

  async #process(shard: string, records: readonly DynamoDBRecord[], signal: AbortSignal): Promise<void> {
    const { batchSize, filter, functionName, invoke, retryAttempts, bisectOnError } = this.#options
    const wanted = records.filter(filter)
    for (let at = 0; at < wanted.length; at += batchSize) {
      const batch = wanted.slice(at, at + batchSize).map(record => ({ ...record, eventSourceARN: this.#streamArn }))
      await processBatch(batch, {
        invoke: part => invoke(functionName, { Records: [...part] } satisfies DynamoDBStreamEvent),
        retryAttempts,
        bisectOnError,
        signal,
        discard: async (part, reason) => this.#discard(shard, part, reason),
      })
      this.#done.set(shard, batch.at(-1)!.dynamodb!.SequenceNumber!)
    }
    const last = records.at(-1)?.dynamodb?.SequenceNumber
    if (last !== undefined) this.#done.set(shard, last)
  }

  #discard(shardId: string, records: readonly DynamoDBRecord[], reason: unknown): void {
    const { functionName, log, onFailure } = this.#options
    log(
      `${functionName}: gave up ${records.length} stream records: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
    )
    onFailure({
      requestContext: { functionArn: functionName, condition: 'RetryAttemptsExhausted' },
      version: '1.0',
      timestamp: new Date().toISOString(),
      DDBStreamBatchInfo: {
        shardId,
        startSequenceNumber: records[0]?.dynamodb?.SequenceNumber,
        endSequenceNumber: records.at(-1)?.dynamodb?.SequenceNumber,
        batchSize: records.length,
        streamArn: this.#streamArn,
      },
    })
  }

  async #findShards(): Promise<void> {
    let after: string | undefined
    do {
      const { StreamDescription: stream } = (await this.#call('DescribeStream', {
        StreamArn: this.#streamArn,
        ExclusiveStartShardId: after,
      })) as {
        StreamDescription: { Shards?: { ShardId: string }[]; LastEvaluatedShardId?: string }
      }
      // Parents come first; a child's records are read after them because the map keeps this order.
      for (const { ShardId } of stream.Shards ?? []) {
        if (!this.#iterators.has(ShardId)) this.#iterators.set(ShardId, await this.#iterator(ShardId))
      }
      after = stream.LastEvaluatedShardId
    } while (after)
  }

  async #iterator(shard: string): Promise<string> {
    const sequence = this.#done.get(shard)
    const position =
      sequence === undefined
        ? { ShardIteratorType: 'TRIM_HORIZON' }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: sequence }
    try {
      const { ShardIterator } = await this.#call('GetShardIterator', { StreamArn: this.#streamArn, ShardId: shard, ...position })
      return String(ShardIterator)
    } catch (error) {
      if (sequence === undefined || !(error instanceof JsonCallError)) throw error
      // What we remember was trimmed, or belongs to another life of the database.
      this.#done.delete(shard)
      return this.#iterator(shard)
    }
  }

  #call(operation: string, input: object): Promise<Record<string, unknown>> {
    return this.#options.streams(TARGET + operation, input)
  }
}
