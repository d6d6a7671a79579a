// Plays what upstream's controllers and scheduler were seen to do against ours: the API on a store in memory with every controller,
// no nodes of our own, in this process.
//
//   npm run golden:controllers -- [--only REGEX] [--show N] [--report FILE] [--raise] [--log] [case files]
//
// The counts must not fall below test/golden/controllers/floor.json; --raise writes them there. --log prints failed reconciles. All of
// it takes ten minutes, most of which the scenarios spend watching that nothing more happens; `npm test` plays a choice of them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createApi } from '../functions/api/app.ts'
import { nodeListener } from '../functions/api/node-http.ts'
import { clientFor } from '../shared/apimachinery/create-machinery.ts'
import { MASTERS, SYSTEM } from '../shared/auth/types.ts'
import { controllers } from '../shared/controllers/index.ts'
import { type Log, silent } from '../shared/pipeline/log.ts'
import { startManager } from '../shared/pipeline/manager.ts'
import { MemoryStore } from '../shared/store/memory.ts'
import { type Counts, parseCounts, run } from './golden.ts'

const folder = join(import.meta.dirname, '../test/golden/controllers')
const floorFile = join(folder, 'floor.json')

/** The case files for which answers are recorded. */
export const caseFiles = (): string[] =>
  readdirSync(join(folder, 'answers'))
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => join(folder, 'cases', name.replace('.json', '.mjs')))

export const readControllersFloor = (): Record<string, number> => JSON.parse(readFileSync(floorFile, 'utf8')) as Record<string, number>

/** What came out worse than it once did. */
export function belowFloor(counts: Counts): string[] {
  const floor = readControllersFloor()
  return Object.entries(counts)
    .filter(([file, { same }]) => same < (floor[file] ?? 0))
    .map(([file, { same }]) => `${file}: ${same} the same, and it were ${floor[file]}`)
}

/** Starts API and controllers on a free port of the loopback interface, plays the cases, and stops them. */
export async function playControllers(
  args: readonly string[],
  onLine: (line: string) => void = () => {},
  log: Log = silent,
): Promise<Counts> {
  const store = new MemoryStore()
  const { handle, machinery } = await createApi({
    store,
    serviceCidr: '10.96.0.0/16',
    tokens: [{ token: 'admin', user: { name: 'admin', groups: [MASTERS] } }],
    onError: error => onLine(`internal error: ${error instanceof Error ? error.stack : String(error)}`),
  })
  const manager = await startManager({ store, client: clientFor(machinery, SYSTEM), registry: machinery.registry, controllers, log })
  const server = createServer(nodeListener(handle))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    const files = args.some(arg => arg.endsWith('.mjs')) ? [] : caseFiles()
    const output = await run(['check', '--server', `http://127.0.0.1:${port}`, '--token', 'admin', ...args, ...files], onLine)
    return parseCounts(output)
  } finally {
    manager.stop()
    server.closeAllConnections()
    server.close()
  }
}

const print = (fields: object, text: string) => {
  const { controller, key, error } = fields as { controller?: string; key?: string; error?: unknown }
  console.error(text, controller, key, error instanceof Error ? error.stack : error)
}
const complaining: Log = { ...silent, warn: print, error: print }

if (process.argv[1] === import.meta.filename) {
  const args = process.argv.slice(2)
  const flags = new Set(['--raise', '--log'])
  const counts = await playControllers(
    args.filter(arg => !flags.has(arg)),
    line => console.log(line),
    args.includes('--log') ? complaining : silent,
  )
  if (args.includes('--raise')) {
    const floor = Object.fromEntries(Object.entries(counts).map(([file, { same }]) => [file, same]))
    writeFileSync(floorFile, `${JSON.stringify(floor, null, 2)}\n`)
    console.log(`wrote ${floorFile}`)
    process.exit()
  }
  // A choice of scenarios says nothing about the whole.
  const below = args.includes('--only') ? [] : belowFloor(counts)
  for (const line of below) console.error(line)
  process.exit(below.length === 0 ? 0 : 1)
}
