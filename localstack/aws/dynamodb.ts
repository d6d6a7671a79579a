// DynamoDB and DynamoDB Streams: passed through to AWS's own DynamoDB Local, bytes for bytes, over kept connections.
import { Agent, request as connect, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Door } from './server.ts'

const WRITES = new Set([
  'PutItem',
  'UpdateItem',
  'DeleteItem',
  'TransactWriteItems',
  'BatchWriteItem',
  'ExecuteStatement',
  'ExecuteTransaction',
  'BatchExecuteStatement',
])

export interface DynamoProxy {
  readonly door: Door
  close(): void
}

/** `onWrite` is called after each write that DynamoDB accepted, so that the stream can be read at once instead of being polled quickly. */
export function dynamoProxy(target: { host: string; port: number }, onWrite: () => void): DynamoProxy {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    door(request, response) {
      const header = request.headers['x-amz-target']
      if (typeof header !== 'string' || !header.startsWith('DynamoDB')) return false
      forward(agent, target, request, response, WRITES.has(header.slice(header.indexOf('.') + 1)) ? onWrite : undefined)
      return true
    },
    close: () => agent.destroy(),
  }
}

function forward(
  agent: Agent,
  target: { host: string; port: number },
  request: IncomingMessage,
  response: ServerResponse,
  written?: () => void,
): void {
  const upstream = connect(
    { agent, host: target.host, port: target.port, method: request.method, path: request.url, headers: request.headers },
    reply => {
      response.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(response)
      if (written && reply.statusCode === 200) reply.once('end', written)
    },
  )
  upstream.on('error', error => {
    if (response.headersSent) return void response.destroy()
    // 500 is what makes SDK clients try again, which is right while DynamoDB Local starts or restarts.
    response.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(
      JSON.stringify({ __type: 'InternalServerError', message: `DynamoDB Local on port ${target.port} does not answer: ${error.message}` }),
    )
  })
  request.pipe(upstream)
  response.on('close', () => {
    if (!response.writableFinished) upstream.destroy()
  })
}

/** Stands where DynamoDB would be when the cluster runs on the in-memory store. */
export const noDynamo: Door = (request, response) => {
  const header = request.headers['x-amz-target']
  if (typeof header !== 'string' || !header.startsWith('DynamoDB')) return false
  request.resume()
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
  response.end(
    JSON.stringify({ __type: 'UnknownOperationException', message: 'this local AWS was started without DynamoDB (--store memory)' }),
  )
  return true
}
