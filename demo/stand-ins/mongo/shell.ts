// mongo [--host HOST:PORT] --eval SCRIPT: db and rs as the shell has them. What a script prints is printed, and so is its last value.
import { runInNewContext } from 'node:vm'
import type { Document, Value } from './bson.ts'
import { command } from './wire.ts'

function option(args: readonly string[], name: string): string | undefined {
  const index = args.findIndex(arg => arg === `--${name}` || arg.startsWith(`--${name}=`))
  if (index < 0) return undefined
  return args[index]!.includes('=') ? args[index]!.slice(name.length + 3) : args[index + 1]
}

export async function mongoShell(args: readonly string[]): Promise<void> {
  const address = option(args, 'host') ?? '127.0.0.1:27017'
  const ask = (document: Document) => command(address, document)
  const fixed = {
    serverStatus: () => ask({ serverStatus: 1 }),
    isMaster: () => ask({ isMaster: 1 }),
    adminCommand: ask,
  }
  const collection = (name: string) => ({
    insert: (document: Document) => ask({ insert: name, documents: [document] }),
    find: async () => ((await ask({ find: name })).cursor as Document).firstBatch,
  })
  const db = new Proxy<Record<string, unknown>>(fixed, { get: (target, name) => target[String(name)] ?? collection(String(name)) })
  const rs = {
    status: () => ask({ replSetGetStatus: 1 }),
    initiate: (config: Document) => ask({ replSetInitiate: config }),
    async add(host: string) {
      const answer = await ask({ replSetGetConfig: 1 })
      if (answer.ok !== 1) return answer
      const config = answer.config as { version: number; members: { _id: number; host: string }[] }
      const members = [...config.members, { _id: config.members.length, host: host.includes(':') ? host : `${host}:27017` }]
      return await ask({ replSetReconfig: { ...config, version: config.version + 1, members } })
    },
  }
  const printed: (Value | undefined | Promise<Value | undefined>)[] = []
  const printjson = (value: Value) => {
    printed.push(value)
  }
  try {
    await ask({ ping: 1 })
    const last: Value | undefined = runInNewContext(option(args, 'eval') ?? '', { db, rs, printjson })
    for (const value of [...printed, last]) {
      const known = await value
      if (known !== undefined) console.log(JSON.stringify(known, null, 2))
    }
  } catch (error) {
    console.error(`mongo: ${address}: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
