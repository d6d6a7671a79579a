// kubectl logs: the pods' log subresource over the pods' log group.
import { setTimeout as delay } from 'node:timers/promises'
import type { Pod } from '../../shared/api/core/v1.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { type LogReader, logPlace, podLog } from '../../shared/pods/logs.ts'
import type { PodStreams } from '../../shared/resources/pod/streams.ts'

export interface PodLogOptions {
  readonly reader: () => LogReader
  readonly now: () => number
  /** A followed log ends after this (ms). */
  readonly longest: number
}

export function podLogStream({ reader, now, longest }: PodLogOptions): NonNullable<PodStreams['log']> {
  return async (pod, query, request, { read }) => {
    // Its errors are answers of their own; later ones could only cut the stream.
    logPlace(pod, query)
    const { namespace, name, uid } = pod.metadata
    const hangUp = new AbortController()
    const signal = AbortSignal.any([hangUp.signal, request.signal])
    const lines = podLog(
      pod,
      query,
      {
        reader: reader(),
        now,
        longest,
        sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => {}),
        refresh: async () => {
          const newest = await read.get<Pod>(PODS, namespace, name)
          return newest?.metadata.uid === uid ? newest : undefined
        },
      },
      signal,
    )
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await lines.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => hangUp.abort(),
    })
    return new Response(body, { headers: { 'content-type': 'text/plain' } })
  }
}
