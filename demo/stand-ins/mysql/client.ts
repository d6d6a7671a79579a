// A client of MySQL, and the program mysql: mysql [-h HOST] [-u USER] [-pPASSWORD] -e STATEMENT
import { connect } from 'node:net'
import { COMMANDS, login, prove, readGreeting, readRefusal, receive, send } from './packets.ts'

export interface Login {
  readonly host: string
  readonly user: string
  readonly password: string
  /** Empty for none. */
  readonly database: string
}

/** Comes in, and executes one statement if there is one. Answers the server's version. @throws with the server's words when it refuses. */
export function visit({ host, user, password, database }: Login, statement?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 3306, timeout: 5_000 })
    socket.on('timeout', () => socket.destroy(new Error(`${host}:3306 says nothing`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${host}:3306 closed the connection`)))
    let version = ''
    let asked = false
    receive(socket, ({ number, payload }) => {
      const refused = readRefusal(payload)
      if (refused) {
        reject(new Error(`ERROR ${refused.code} (${refused.state}): ${refused.message}`))
        socket.destroy()
      } else if (version === '') {
        const { version: its, salt } = readGreeting(payload)
        version = its
        send(socket, number + 1, login(user, prove(password, salt), database))
      } else if (statement !== undefined && !asked) {
        asked = true
        send(socket, 0, Buffer.concat([Buffer.from([COMMANDS.query]), Buffer.from(statement)]))
      } else {
        resolve(version)
        send(socket, 0, Buffer.from([COMMANDS.quit]))
        socket.end()
      }
    })
  })
}

export async function mysqlClient(args: readonly string[]): Promise<void> {
  const option = (letter: string) => {
    const index = args.findIndex(arg => arg.startsWith(`-${letter}`))
    if (index < 0) return undefined
    return args[index]!.length > 2 ? args[index]!.slice(2) : args[index + 1]
  }
  const who = { host: option('h') ?? '127.0.0.1', user: option('u') ?? 'root', password: option('p') ?? '', database: '' }
  try {
    await visit(who, option('e'))
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
