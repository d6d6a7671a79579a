// Plays the recorded answers of kube-apiserver against this API, alone in this process:
//
//   npm run golden -- [--only REGEX] [--show N] [--patience MS] [--report FILE] [--raise] [case files]
//
// --raise writes the counts into test/golden/floor.json, under which `npm test` fails.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createApi } from '../functions/api/app.ts'
import { nodeListener } from '../functions/api/node-http.ts'
import { MASTERS } from '../shared/auth/types.ts'
import { MemoryStore } from '../shared/store/memory.ts'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'test/golden')
const floorFile = join(folder, 'floor.json')

export interface Counts {
  readonly [file: string]: { readonly same: number; readonly total: number }
}

export interface GoldenResult {
  readonly counts: Counts
  readonly output: string
}

/** Starts the API on a free port of the loopback interface, plays the cases, and stops it. */
export async function playGolden(args: readonly string[], onLine: (line: string) => void = () => {}): Promise<GoldenResult> {
  const { handle } = await createApi({
    store: new MemoryStore(),
    serviceCidr: '10.96.0.0/16',
    tokens: [
      { token: 'admin', user: { name: 'admin', uid: '1', groups: [MASTERS] } },
      { token: 'plain', user: { name: 'plain', groups: [] } },
    ],
    onError: error => onLine(`internal error: ${error instanceof Error ? error.stack : String(error)}`),
  })
  const server = createServer(nodeListener(handle))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    // There are no controllers here that would bring about later what is not so at once.
    const patience = args.includes('--patience') ? [] : ['--patience', '500']
    const output = await run(['check', '--server', `http://127.0.0.1:${port}`, '--token', 'admin', ...patience, ...args], onLine)
    return { counts: parseCounts(output), output }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

export function run(args: readonly string[], onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(folder, 'golden.mjs'), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk
      rest += chunk
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line)
    })
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}

export function parseCounts(output: string): Counts {
  const counts: Record<string, { same: number; total: number }> = {}
  for (const [, file = '', same, wording, different] of output.matchAll(
    /^(\S+)\.mjs: (\d+) same, (\d+) same but for wording, (\d+) different$/gm,
  )) {
    counts[file] = { same: Number(same), total: Number(same) + Number(wording) + Number(different) }
  }
  return counts
}

export function readFloor(): Record<string, number> {
  return JSON.parse(readFileSync(floorFile, 'utf8')) as Record<string, number>
}

if (process.argv[1] === import.meta.filename) {
  const args = process.argv.slice(2)
  const raise = args.includes('--raise')
  // Part of a file says nothing about the whole.
  if (raise && args.includes('--only')) throw new Error('--raise counts whole files: leave out --only')
  const { counts } = await playGolden(
    args.filter(arg => arg !== '--raise'),
    line => console.log(line),
  )
  if (raise) {
    const floor = readFloor()
    for (const [file, { same }] of Object.entries(counts)) floor[file] = Math.max(same, floor[file] ?? 0)
    writeFileSync(floorFile, `${JSON.stringify(floor, null, 2)}\n`)
    console.log(`wrote ${floorFile}`)
  }
  process.exit()
}
