// An in-memory work queue server, under /memq/server:
//   GET    /stats                     every queue's depth and counters
//   PUT    /queues/NAME               makes a queue          DELETE /queues/NAME
//   POST   /queues/NAME/enqueue       the body is the item   POST   /queues/NAME/dequeue    204 when it is empty
//   POST   /queues/NAME/drain
import { randomUUID } from 'node:crypto'
import { type Answer, json, type Request, text } from './routes.ts'

interface Queue {
  readonly items: { kind: 'message'; id: string; body: string; creationTimestamp: string }[]
  enqueued: number
  dequeued: number
  drained: number
}

export class MemoryQueues {
  readonly #queues = new Map<string, Queue>()

  handle(request: Request, path: string): Answer {
    if (path === '/stats') return json({ kind: 'stats', queues: this.#stats() })
    const [, queues, name, verb] = path.split('/')
    if (queues !== 'queues' || !name) return text('not found', 404)
    if (verb === undefined && request.method === 'PUT') {
      if (!this.#queues.has(name)) this.#queues.set(name, { items: [], enqueued: 0, dequeued: 0, drained: 0 })
      return text('')
    }
    const queue = this.#queues.get(name)
    if (!queue) return text(`no queue ${name}`, 404)
    if (verb === undefined && request.method === 'DELETE') {
      this.#queues.delete(name)
      return text('')
    }
    if (request.method !== 'POST') return text('not found', 404)
    switch (verb) {
      case 'enqueue': {
        const item = { kind: 'message' as const, id: randomUUID(), body: request.body, creationTimestamp: new Date().toISOString() }
        queue.items.push(item)
        queue.enqueued++
        return json(item)
      }
      case 'dequeue': {
        const item = queue.items.shift()
        if (!item) return text('', 204)
        queue.dequeued++
        return json(item)
      }
      case 'drain':
        queue.drained += queue.items.length
        queue.items.length = 0
        return text('')
      default:
        return text('not found', 404)
    }
  }

  #stats() {
    return [...this.#queues].map(([name, { items, enqueued, dequeued, drained }]) => ({
      name,
      depth: items.length,
      enqueued,
      dequeued,
      drained,
    }))
  }
}
