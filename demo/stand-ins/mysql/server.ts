// mysqld: lets root in with the password of MYSQL_ROOT_PASSWORD, and makes databases, which are folders of its data folder. Its version
// ends with its identity, which is made once and stays with the data.
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { COMMANDS, greeting, OK, prove, readLogin, receive, refusal, send } from './packets.ts'

const PORT = 3306
let connections = 0

/** As MySQL keeps it, in auto.cnf. */
function identity(folder: string): string {
  const file = join(folder, 'auto.cnf')
  if (!existsSync(file)) writeFileSync(file, `[auto]\nserver-uuid=${randomUUID()}\n`)
  return /server-uuid=(\S+)/.exec(readFileSync(file, 'utf8'))![1]!
}

export function mysqlServer(args: readonly string[]): void {
  const password = process.env.MYSQL_ROOT_PASSWORD
  if (password === undefined) throw new Error('MYSQL_ROOT_PASSWORD is not set: who may come in?')
  const folder = args.find(arg => arg.startsWith('--datadir='))?.slice('--datadir='.length) ?? '/var/lib/mysql'
  mkdirSync(folder, { recursive: true })
  const version = `5.6.35-${identity(folder)}`
  createServer(socket => serve(socket, { folder, password, version })).listen(PORT, () => console.log(`mysqld: ${version}, port ${PORT}`))
}

function serve(socket: Socket, { folder, password, version }: { folder: string; password: string; version: string }): void {
  const salt = Buffer.from(randomBytes(20).map(byte => 33 + (byte % 90)))
  let known = false
  socket.on('error', () => {})
  send(socket, 0, greeting(version, ++connections, salt))
  receive(socket, ({ number, payload }) => {
    const answer = (reply: Buffer) => send(socket, number + 1, reply)
    if (known) return payload[0] === COMMANDS.quit ? socket.end() : answer(execute(folder, payload))
    const { user, proof, database } = readLogin(payload)
    if (user !== 'root' || !proof.equals(prove(password, salt)))
      return answer(refusal({ code: 1045, state: '28000', message: `Access denied for user '${user}'` }))
    if (database !== '' && !existsSync(join(folder, database)))
      return answer(refusal({ code: 1049, state: '42000', message: `Unknown database '${database}'` }))
    known = true
    return answer(OK)
  })
}

function execute(folder: string, payload: Buffer): Buffer {
  const text = payload.toString('utf8', 1)
  const database = /^create\s+database\s+`?(\w+)`?;?$/i.exec(text.trim())?.[1]
  if (payload[0] === COMMANDS.ping) return OK
  if (payload[0] !== COMMANDS.query || database === undefined)
    return refusal({ code: 1064, state: '42000', message: `a stand-in knows CREATE DATABASE alone, not '${text}'` })
  if (existsSync(join(folder, database)))
    return refusal({ code: 1007, state: 'HY000', message: `Can't create database '${database}'; database exists` })
  mkdirSync(join(folder, database))
  return OK
}
