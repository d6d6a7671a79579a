// npm stop: ends the local cluster that uses the data folder, and waits until it has. Its pods go on running for the next start,
// unless they are to end, too.
import { resolve } from 'node:path'
import { Command } from 'commander'
import { LOG, ownerOf } from '../localstack/host/data-folder.ts'
import { ended } from '../localstack/host/process.ts'

const { data, pods } = new Command('npm stop --')
  .description('Stops the local Zeroplane. Objects stay, and pods go on running: npm start takes them up again.')
  .option('--data <folder>', 'data folder it was started with', '.zeroplane')
  .option('--pods', 'remove the containers of all pods, too', false)
  .helpOption('--help', 'show this')
  .allowExcessArguments(false)
  .parse()
  .opts<{ data: string; pods: boolean }>()
const dir = resolve(process.env.INIT_CWD ?? process.cwd(), data)

const STOP_WITHIN_MS = 60_000

const pid = ownerOf(dir)
if (pid === undefined) {
  console.log(`Zeroplane does not run on ${dir}.`)
} else {
  // The same as Ctrl-C in the foreground, or the gentler one.
  process.kill(pid, pods ? 'SIGINT' : 'SIGTERM')
  if (await ended(pid, STOP_WITHIN_MS)) console.log('Zeroplane is stopped.')
  else {
    console.error(`zeroplane: process ${pid} did not end within ${STOP_WITHIN_MS / 1000} s; its log is ${dir}/${LOG}`)
    process.exitCode = 1
  }
}
