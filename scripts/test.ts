// npm test: lint, import rules, types, then every suite: the parts first, the whole last. With arguments, only the suites they name:
// npm test -- shared/store
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HostError } from '../localstack/host/host-error.ts'
import { ensureDocker } from '../localstack/host/machine/docker.ts'
import { ensureJava } from '../localstack/host/machine/java.ts'

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules', '.bin', name)
const filters = process.argv.slice(2)

let passed = 0
let failed = 0

await prepare()
if (filters.length === 0) {
  await check('lint and import rules', bin('biome'), ['check', '--error-on-warnings', '.'])
  await check('types', bin('tsc'), ['-p', '.'])
}
await suites()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** The suites run DynamoDB Local and real containers. */
async function prepare(): Promise<void> {
  try {
    await ensureJava(text => console.log(text))
    await ensureDocker(text => console.log(text))
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    console.error(`zeroplane: ${error.message}`)
    process.exit(1)
  }
}

async function check(name: string, command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await capture(command, args)
  if (code === 0) {
    passed++
    console.log(`ok: ${name}`)
  } else {
    failed++
    console.log(`${output.trimEnd()}\nfailed: ${name}`)
  }
}

async function suites(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-test-'))
  const report = join(folder, 'report.json')
  try {
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters]
    const code = await new Promise<number>(resolve => {
      const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      child.on('close', status => resolve(status ?? 1))
    })
    const counts = readReport(report)
    passed += counts.passed
    failed += counts.failed
    // A suite that cannot be loaded, or an error outside of any test, has no test to count.
    if (code !== 0 && counts.failed === 0) failed++
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readReport(file: string): { passed: number; failed: number } {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(file, 'utf8')) as { numPassedTests: number; numFailedTests: number }
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 0 }
  }
}

function capture(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.stderr.on('data', chunk => {
      output += chunk
    })
    child.on('error', error => resolve({ code: 1, output: error.message }))
    child.on('close', code => resolve({ code: code ?? 1, output }))
  })
}
