// Parse: objects of classes, kept by the replica set that DATABASE_URI names (mongodb://host,host/database?replicaSet=name). It starts when
// one of the hosts has told it which of them is the primary.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { Document } from './mongo/bson.ts'
import { command } from './mongo/wire.ts'

const PORT = 1337

/** @throws with what each host said when none knows. */
async function primaryOf(uri: string): Promise<string> {
  const hosts = /^mongodb:\/\/([^/]+)/.exec(uri)?.[1]?.split(',') ?? []
  const said: string[] = []
  for (const host of hosts) {
    try {
      const { primary } = await command(host, { isMaster: 1 })
      if (typeof primary === 'string') return primary
      said.push(`${host} knows of no primary`)
    } catch (error) {
      said.push(`${host}: ${(error as Error).message}`)
    }
  }
  throw new Error(`no database at ${uri}: ${said.join('; ')}`)
}

async function bodyOf(request: IncomingMessage): Promise<Document> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return JSON.parse(text) as Document
}

export async function parse(): Promise<void> {
  const { DATABASE_URI: uri = '', APP_ID: app } = process.env
  console.log(`parse: the primary is ${await primaryOf(uri)}`)

  async function answer(request: IncomingMessage): Promise<[status: number, body: Document]> {
    const name = /^\/parse\/classes\/(\w+)$/.exec(request.url ?? '')?.[1]
    if (name === undefined) return [404, { error: 'unknown path' }]
    if (request.headers['x-parse-application-id'] !== app) return [403, { error: 'unauthorized' }]
    const primary = await primaryOf(uri)
    if (request.method === 'POST') {
      const document = { ...(await bodyOf(request)), objectId: randomBytes(5).toString('hex') }
      const { ok, errmsg } = await command(primary, { insert: name, documents: [document] })
      return ok === 1 ? [201, { objectId: document.objectId }] : [500, { error: errmsg }]
    }
    const { cursor } = await command(primary, { find: name })
    return [200, { results: (cursor as Document).firstBatch }]
  }

  createServer(async (request, response) => {
    const [status, body] = await answer(request).catch((error: Error): [number, Document] => [500, { error: error.message }])
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
  }).listen(PORT, () => console.log(`parse: listening on port ${PORT}`))
}
