// redis-cli [-h HOST] [-p PORT] COMMAND...: prints the answer as Redis' own does when nobody sits at a terminal.
import { ask, Status, type Value } from './resp.ts'

export async function redisCli(args: readonly string[]): Promise<void> {
  const command = [...args]
  const options = new Map([
    ['-h', '127.0.0.1'],
    ['-p', '6379'],
  ])
  while (options.has(command[0] ?? '')) options.set(command.shift()!, command.shift() ?? '')
  const [host, port] = options.values()
  try {
    console.log(text(await ask(host!, Number(port), ...command)))
  } catch (error) {
    console.error(`Could not connect to Redis at ${host}:${port}: ${(error as Error).message}`)
    process.exitCode = 1
  }
}

function text(value: Value): string {
  if (value === null) return ''
  if (value instanceof Status) return value.text
  if (value instanceof Error) return value.message
  return Array.isArray(value) ? value.map(text).join('\n') : String(value)
}
