// A collection of the Kubernetes API kept in memory, as any client keeps one: a list, then a watch from there, and again when that ends.
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { KubeObject } from '../../../shared/apimachinery/types.ts'

export interface Access {
  readonly port: number
  /** PEM of the API's authority. */
  readonly ca: string
  readonly token: string
}

const RETRY_MS = 1_000

/** Calls `changed` with all objects, by "<namespace>/<name>", whenever one of them is another. Until the signal aborts. */
export async function follow<T extends KubeObject>(
  access: Access,
  path: string,
  signal: AbortSignal,
  changed: (objects: ReadonlyMap<string, T>) => void,
): Promise<void> {
  const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace ?? ''}/${metadata.name}`
  while (!signal.aborted) {
    try {
      const list = (await json(await call(access, 'GET', path, signal))) as { metadata: { resourceVersion: string }; items: T[] }
      const objects = new Map(list.items.map(item => [keyOf(item), item]))
      changed(objects)
      const watch = await call(access, 'GET', `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`, signal)
      for await (const line of lines(watch)) {
        const { type, object } = JSON.parse(line) as { type: string; object: T }
        if (type === 'ERROR') break
        if (type === 'BOOKMARK') continue
        if (type === 'DELETED') objects.delete(keyOf(object))
        else objects.set(keyOf(object), object)
        changed(objects)
      }
    } catch {
      // The API does not answer, or hung up. It will again.
    }
    if (!signal.aborted) await new Promise(resolve => setTimeout(resolve, RETRY_MS).unref())
  }
}

/** @throws when the answer is not a success */
export function call(
  { port, ca, token }: Access,
  method: string,
  path: string,
  signal: AbortSignal,
  body?: object,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/merge-patch+json' }) }
    const sent = request({ host: '127.0.0.1', port, path, method, ca, headers, signal, agent: false }, response => {
      response.on('error', () => {})
      if ((response.statusCode ?? 500) < 300) return resolve(response)
      response.resume()
      reject(new Error(`${method} ${path}: ${response.statusCode}`))
    })
    sent.on('error', reject)
    sent.end(body && JSON.stringify(body))
  })
}

async function json(response: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return JSON.parse(text)
}

async function* lines(response: IncomingMessage): AsyncIterable<string> {
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    yield* parts.filter(part => part !== '')
  }
}
