// The only code that must run on whatever Node the machine has (20 or newer), before anything is installed: it brings the
// dependencies up to the lockfile, then hands over to the Node 24 among them. Usage: node scripts/bootstrap.mjs ENTRY.ts [ARGS]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import * as module from 'node:module'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const localNode = join(modules, '.bin', 'node')
const NODE_MAJOR = 24

const [entry, ...args] = process.argv.slice(2)
if (!entry) fail('usage: node scripts/bootstrap.mjs ENTRY.ts [ARGS]')
if (major(process.version) < 20)
  fail(`Node ${process.version} is too old: Zeroplane needs Node 20 or newer to install its own Node ${NODE_MAJOR}.`)

if (!installed()) install()
if (major(process.version) === NODE_MAJOR) await runHere()
else runThere()

/** True when node_modules holds what the lockfile asks for. Contents decide, not times: a git checkout touches files that did not change. */
function installed() {
  const kept = join(modules, '.package-lock.json')
  if (!existsSync(kept) || !existsSync(localNode)) return false
  const wanted = join(root, 'package-lock.json')
  if (statSync(kept).mtimeMs >= statSync(wanted).mtimeMs) return true
  const have = packages(kept)
  // Packages of other platforms are optional and absent.
  return Object.entries(packages(wanted)).every(
    ([path, { version, optional }]) => path === '' || optional || have[path]?.version === version,
  )
}

function packages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
}

function install() {
  say('Installing dependencies (npm ci). The first time this takes a minute.')
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error')
  // An npm that blocks install scripts leaves the package `node` without its binary.
  if (!localNodeWorks()) npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error')
  if (!localNodeWorks()) {
    fail(
      `npm installed the package "node" without its binary: ${localNode} does not run. Is npm's ignore-scripts set? Run: npm rebuild node --ignore-scripts=false`,
    )
  }
}

function localNodeWorks() {
  const { status, stdout } = spawnSync(localNode, ['--version'], { encoding: 'utf8' })
  return status === 0 && major(stdout.trim()) === NODE_MAJOR
}

function npm(...words) {
  // npm tells its scripts where it is; a plain `node scripts/bootstrap.mjs` has to find it.
  const cli = process.env.npm_execpath
  const [command, first] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []]
  const { status, error } = spawnSync(command, [...first, ...words], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) fail(`npm could not be run: ${error.message}`)
  if (status !== 0) fail(`npm ${words[0]} failed (exit code ${status}); its output is above.`)
}

async function runHere() {
  module.enableCompileCache?.(join(modules, '.cache', 'node-compile'))
  process.argv = [process.execPath, resolve(root, entry), ...args]
  await import(pathToFileURL(resolve(root, entry)).href)
}

function runThere() {
  const child = spawn(localNode, [fileURLToPath(import.meta.url), entry, ...args], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to both of us; whoever kills by pid means the program, not this shell around it.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(signal, () => signal === 'SIGINT' || child.kill(signal))
  child.on('error', error => fail(`${localNode} could not be run: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

function major(version) {
  return Number(/^v?(\d+)/.exec(version)?.[1] ?? 0)
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(line) {
  say(`zeroplane: ${line}`)
  process.exit(1)
}
