// npm stop: ends the local cluster that uses the data folder, and waits until it has.
import { resolve } from 'node:path'
import { Command } from 'commander'
import { ownerOf } from '../localstack/host/data-folder.ts'
import { ended } from '../localstack/host/process.ts'

const { data } = new Command('npm stop --')
  .description('Stops the local Zeroplane. Its data stay.')
  .option('--data <folder>', 'data folder it was started with', '.zeroplane')
  .allowExcessArguments(false)
  .parse()
  .opts<{ data: string }>()
const dir = resolve(process.env.INIT_CWD ?? process.cwd(), data)

/** Pods get their grace periods, within reason. */
const STOP_WITHIN_MS = 60_000

const pid = ownerOf(dir)
if (pid === undefined) {
  console.log(`Zeroplane does not run on ${dir}.`)
} else {
  process.kill(pid, 'SIGTERM')
  if (await ended(pid, STOP_WITHIN_MS)) console.log('Zeroplane is stopped.')
  else {
    console.error(`zeroplane: process ${pid} did not end within ${STOP_WITHIN_MS / 1000} s; its log is ${dir}/zeroplane.log`)
    process.exitCode = 1
  }
}
