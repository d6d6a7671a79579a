// The triggers of cdk/pipeline.ts: stream -> dispatch, delay queue -> dispatch, work queue -> reconcile, and what EventBridge and
// Scheduler invoke.
import { compilePattern } from '../../aws/events/pattern.ts'
import type { LocalAws } from '../../aws/index.ts'
import type { DataFolder } from '../data-folder.ts'
import { jsonClient } from '../json-rpc.ts'
import { NAMES } from '../provision.ts'
import type { Invoke } from './invoke.ts'
import { type Mapping, mapQueue } from './queue-mapping.ts'
import { mapStream } from './stream-mapping.ts'

export interface EventSourceOptions {
  readonly aws: LocalAws
  /** Undefined: there is no stream, because the store is in memory. */
  readonly databasePort: number | undefined
  readonly folder: DataFolder
  readonly invoke: Invoke
  readonly log: (line: string) => void
}

/** Few and warm: as cdk's reconcileConcurrency. */
const RECONCILE_CONCURRENCY = 4
const DISPATCH_CONCURRENCY = 2

export async function connectEventSources({ aws, databasePort, folder, invoke, log }: EventSourceOptions): Promise<Mapping> {
  const { region } = aws.identity
  const queue = (name: string, functionName: string, maxConcurrency: number) =>
    mapQueue({
      queue: aws.sqs.queue(name)!,
      queueArn: aws.sqs.arnOf(name),
      region,
      functionName,
      batchSize: 10,
      maxConcurrency,
      invoke,
      log,
    })
  const mappings = [queue(NAMES.work, 'reconcile', RECONCILE_CONCURRENCY), queue(NAMES.delay, 'dispatch', DISPATCH_CONCURRENCY)]
  const closers: (() => void)[] = []
  if (databasePort !== undefined) {
    const { changeFilter } = await import('../../../shared/store/dynamodb/table-definition.ts')
    const streams = jsonClient(databasePort, { service: 'dynamodb', region })
    const stream = await mapStream({
      streams: streams.call,
      tableName: NAMES.table,
      functionName: 'dispatch',
      batchSize: 100,
      retryAttempts: 10,
      bisectOnError: true,
      filter: compilePattern(JSON.stringify(changeFilter)),
      invoke,
      onFailure: description => aws.sqs.sendTo(aws.sqs.arnOf(NAMES.failures), JSON.stringify(description)),
      checkpointFile: folder.path('aws', 'stream-checkpoint.json'),
      log,
    })
    mappings.push(stream)
    // The functions write to DynamoDB Local directly and tell their stores' feed; others come through the local AWS.
    const { feed } = await import('../../../shared/aws/providers.ts')
    closers.push(feed(stream.wake), aws.onWrite(stream.wake), streams.close)
  }
  await aws.attach(invoke)
  return {
    async stop() {
      await Promise.all(mappings.map(mapping => mapping.stop()))
      for (const close of closers) close()
    },
  }
}
