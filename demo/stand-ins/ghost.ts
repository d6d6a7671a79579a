// Ghost: a page that says which database the configuration names, and that it can be reached. Without its database it does not start.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { escapeHtml } from '../routes.ts'
import { visit } from './mysql/client.ts'

const CONFIG = '/var/lib/ghost/config.js'

interface Config {
  readonly url: string
  readonly database: {
    readonly client: string
    readonly connection: {
      readonly filename?: string
      readonly host?: string
      readonly user?: string
      readonly password?: string
      readonly database?: string
    }
  }
  readonly server: { readonly host: string; readonly port: string }
}

/** What the database says of itself. @throws when it cannot be reached. */
async function lookAt({ client, connection }: Config['database']): Promise<string> {
  const { filename, host = '', user = '', password = '', database = '' } = connection
  if (client === 'mysql') return `mysql ${await visit({ host, user, password, database })} at ${host}, ${database}`
  if (client !== 'sqlite3' || filename === undefined) throw new Error(`no such database client: ${client}`)
  mkdirSync(dirname(filename), { recursive: true })
  writeFileSync(filename, '', { flag: 'a' })
  return `sqlite3 at ${filename}`
}

export async function ghost(): Promise<void> {
  const configs: Record<string, Config> = createRequire(CONFIG)(CONFIG)
  const config = configs[process.env.NODE_ENV ?? 'development']
  if (config === undefined) throw new Error(`${CONFIG} says nothing of ${process.env.NODE_ENV}`)
  console.log(`ghost: ${await lookAt(config.database)}`)
  const server = createServer(async (_, response) => {
    const [status, found] = await lookAt(config.database).then(
      text => [200, text] as const,
      (error: Error) => [500, error.message] as const,
    )
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' })
    response.end(`<!doctype html><title>Ghost</title>\n<h1>Ghost</h1>\n<p>Database: ${escapeHtml(found)}\n<p>Host: ${hostname()}\n`)
  })
  server.listen(Number(config.server.port), config.server.host, () => console.log(`ghost: listening on port ${config.server.port}`))
}
