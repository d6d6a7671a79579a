// What plays the applications of the book where their images cannot be pulled: each speaks as much of its protocol as shows that names
// lead to the right pods, volumes keep their files and things start in the right order. One program, called by the names of all.
import { ghost } from './ghost.ts'
import { mongoServer } from './mongo/server.ts'
import { mongoShell } from './mongo/shell.ts'
import { mysqlClient } from './mysql/client.ts'
import { mysqlServer } from './mysql/server.ts'
import { parse } from './parse.ts'
import { redisCli } from './redis/cli.ts'
import { redisSentinel } from './redis/sentinel.ts'
import { redisServer } from './redis/server.ts'

const PROGRAMS: Readonly<Record<string, (args: readonly string[]) => void | Promise<void>>> = {
  'redis-server': redisServer,
  'redis-sentinel': redisSentinel,
  'redis-cli': redisCli,
  mysqld: mysqlServer,
  mysql: mysqlClient,
  mongod: mongoServer,
  mongo: mongoShell,
  ghost,
  parse,
}

const [name = '', ...args] = process.argv.slice(2)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))
try {
  await PROGRAMS[name]!(args)
} catch (error) {
  console.error(`${name}: ${(error as Error).message}`)
  process.exitCode = 1
}
