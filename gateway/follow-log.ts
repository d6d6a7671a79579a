// Attaching to a container that has neither standard input nor a terminal: what it prints from now on, out of its log.
import type { Pod } from '../shared/api/core/v1.ts'
import { PODS } from '../shared/controllers/collections.ts'
import { type LogReader, podLog } from '../shared/pods/logs.ts'
import type { StreamRequest } from '../shared/resources/pod/streams.ts'
import type { RemoteStreams } from './client/remote-streams.ts'

export interface FollowLogOptions {
  readonly reader: LogReader
  readonly now: () => number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** Nobody ends it but the container and the client. */
const FOR_EVER = Number.MAX_SAFE_INTEGER

export async function followLog(
  { pod, container = '', context }: StreamRequest,
  client: RemoteStreams,
  options: FollowLogOptions,
): Promise<void> {
  const hangUp = new AbortController()
  void client.closed.then(() => hangUp.abort())
  const { namespace, name, uid } = pod.metadata
  const query = { container, follow: true, previous: false, timestamps: false, tailLines: 0 }
  const refresh = async () => {
    const newest = await context.read.get<Pod>(PODS, namespace, name ?? '')
    return newest?.metadata.uid === uid ? newest : undefined
  }
  client.stdin?.resume()
  const target = client.stdout ?? client.stderr
  for await (const line of podLog(pod, query, { ...options, refresh, longest: FOR_EVER }, hangUp.signal)) {
    if (!target || target.destroyed) break
    if (!target.write(line)) await new Promise(resolve => target.once('drain', resolve).once('close', resolve))
  }
  await client.finish({ exitCode: 0 })
}
