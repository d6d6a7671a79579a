// npm start -- --detach: starts the same thing in a process of its own, shows its progress, and returns when it is ready.
import { spawn } from 'node:child_process'
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LOG, openDataFolder } from './data-folder.ts'
import { HostError } from './host-error.ts'
import type { HostMessage } from './messages.ts'
import type { HostOptions } from './options.ts'
import { progress, type Step } from './progress.ts'
import { readySummary } from './summary.ts'

const BOOTSTRAP = fileURLToPath(new URL('../../scripts/bootstrap.mjs', import.meta.url))

/** Resolves with the exit code. */
export async function detach(args: readonly string[], options: HostOptions): Promise<number> {
  const log = join(options.dataDir, LOG)
  let output: number
  try {
    // Whoever may not use the folder learns it here, before there is a log to say it in.
    openDataFolder(options.dataDir, { fresh: false }).release()
    writeFileSync(log, '')
    output = openSync(log, 'a')
  } catch (error) {
    console.error(`zeroplane: ${error instanceof HostError ? error.message : String(error)}`)
    return 1
  }
  const child = spawn(process.execPath, [BOOTSTRAP, 'scripts/start.ts', ...args.filter(arg => arg !== '--detach')], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'))

  const shown = progress({
    write: text => process.stderr.write(text),
    isTerminal: Boolean(process.stderr.isTTY),
    elapsed: () => performance.now(),
  })
  const steps = new Map<string, Step>()
  return await new Promise<number>(resolve => {
    child.on('message', (message: HostMessage) => {
      if (message.type === 'say') shown.say(message.text)
      else if (message.type === 'step') {
        const step = steps.get(message.name) ?? shown.step(message.name)
        steps.set(message.name, step)
        if (message.done) step.done(message.text)
        else step.say(message.text)
      } else if (message.type === 'failed') {
        shown.close()
        console.error(`zeroplane: ${message.reason}`)
      } else {
        shown.close()
        console.error(readySummary(options, message.nodes, performance.now()))
        child.unref()
        child.disconnect()
        resolve(0)
      }
    })
    child.on('exit', (code, signal) => {
      shown.close()
      if (signal) console.error(`zeroplane: ended by ${signal} while starting; its log is ${log}`)
      resolve(code === 0 ? 1 : (code ?? 1))
    })
  })
}
