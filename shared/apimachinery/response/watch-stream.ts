// A watch as the body of an answer: JSON lines, or length-prefixed protobuf frames.
import type { Engines } from '../engines.ts'
import { toVersion } from '../machinery.ts'
import type { Endpoint } from '../registry.ts'
import { MEDIA_TYPES, type Negotiated } from '../request/negotiation.ts'
import type { KubeObject } from '../types.ts'
import type { WatchEvent } from '../verbs/watch.ts'
import { headersOf, type Responder } from './respond.ts'
import { includeObjectOf, partialOf, tableOf } from './table.ts'

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

/** `now` is asked for each event: ages in tables are those of its moment. `abort` is called when the client goes away. */
export function answerWatch(
  responder: Responder,
  negotiated: Negotiated,
  events: AsyncIterable<WatchEvent>,
  endpoint: Endpoint,
  now: () => number,
  abort: () => void,
): Response {
  const encode = frameEncoder(responder, negotiated, endpoint, now)
  const iterator = events[Symbol.asyncIterator]()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(encode(value))
      },
      cancel() {
        abort()
      },
    },
    { highWaterMark: 1 },
  )
  const contentType = MEDIA_TYPES[negotiated.format] + (negotiated.format === 'protobuf' ? ';stream=watch' : '')
  return new Response(body, { status: 200, headers: headersOf(responder, contentType) })
}

function frameEncoder(
  { engines, query }: Responder,
  { as, format }: Negotiated,
  endpoint: Endpoint,
  now: () => number,
): (event: WatchEvent) => Uint8Array {
  const include = as?.kind === 'Table' ? includeObjectOf(query) : 'None'
  let first = true
  const shown = (object: KubeObject) => toVersion(object, endpoint)
  const transformed = (object: KubeObject): object => {
    if (as === undefined) return shown(object)
    if (as.kind !== 'Table') return partialOf(object, as.version)
    const table = tableOf([object], { resourceVersion: object.metadata.resourceVersion }, endpoint, {
      version: as.version,
      include,
      now: now(),
      withColumns: first,
      shown,
    })
    first = false
    return table
  }
  return event => {
    if (event.type === 'ERROR') return frame(engines, format, 'ERROR', event.error.status)
    if (event.type === 'BOOKMARK') return frame(engines, format, 'BOOKMARK', transformed(bookmark(event, endpoint, engines)))
    return frame(engines, format, event.type, transformed(event.object))
  }
}

/** An empty object of the kind that only tells a revision. */
function bookmark(
  { resourceVersion, initialEventsEnd }: Extract<WatchEvent, { type: 'BOOKMARK' }>,
  endpoint: Endpoint,
  engines: Engines,
): KubeObject {
  const object = engines.zeroObject(endpoint.storage.schema)
  object.apiVersion = endpoint.storageApiVersion
  object.kind = endpoint.definition.kind
  object.metadata = { ...object.metadata, resourceVersion }
  if (initialEventsEnd) object.metadata.annotations = { [INITIAL_EVENTS_END]: 'true' }
  return object
}

function frame(engines: Engines, format: Negotiated['format'], type: string, object: object): Uint8Array {
  if (format === 'protobuf') return engines.encodeWatchFrame(type, object)
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(object)}}\n`)
}
