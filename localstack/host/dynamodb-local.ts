// DynamoDB Local (AWS's own, in Java) as a child of this process. It ends with us, also when we are killed with -9: a shell between
// us waits on a pipe that only our end keeps open.
//
// Start-up is most of what a user waits for, and most of it is loading classes. An archive of the classes (Java's dynamic CDS), which
// the first run writes when it is stopped, more than halves it (measured on 2 cores: 2.4 s plain, 1.9 s with the quick compiler alone,
// 0.8 s with the archive too). The archiver refuses a jar whose manifest names a folder, as this one's does, so it gets a copy whose
// manifest has another name.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from './host-error.ts'

export interface DynamoDbLocal {
  readonly port: number
  /** Resolves when it answers. Rejects with HostError and what Java printed when it does not come up. */
  readonly ready: Promise<void>
  /** Settles when the process ends by itself; the text is what it printed last. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

export interface DynamoDbLocalOptions {
  /** Path of the java binary. */
  readonly java: string
  /** Folder of the database; undefined: in memory. */
  readonly dataDir: string | undefined
  /** Folder for the class archive, kept between runs and clusters. */
  readonly cacheDir: string
}

const READY_WITHIN_MS = 60_000
/** Writing the class archive takes about a second. */
const STOP_WITHIN_MS = 10_000
const MAIN = 'com.amazonaws.services.dynamodbv2.local.main.ServerRunner'

/** Resolves as soon as the process runs and its port is known. */
export async function startDynamoDbLocal(options: DynamoDbLocalOptions): Promise<DynamoDbLocal> {
  const emulator = join(dirname(createRequire(import.meta.url).resolve('amplify-dynamodb-simulator/package.json')), 'emulator')
  const port = await freePort()
  if (options.dataDir) mkdirSync(options.dataDir, { recursive: true })
  const storage = options.dataDir ? ['-dbPath', options.dataDir] : ['-inMemory']
  const { jvm, classPath } = fastStart(emulator, options)
  const child = spawnTied(
    options.java,
    [
      ...jvm,
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Xms64m',
      '-Xmx768m',
      `-Djava.library.path=${join(emulator, 'DynamoDBLocal_lib')}`,
      '-cp',
      classPath,
      MAIN,
      '-sharedDb',
      '-disableTelemetry',
      '-port',
      String(port),
      ...storage,
      // It leaves a file of its own where it runs.
    ],
    options.cacheDir,
  )
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4000)
  }
  child.stdout!.on('data', collect)
  child.stderr!.on('data', collect)
  let over = false
  const ended = new Promise<string>(resolve =>
    child.on('exit', () => {
      over = true
      resolve(output)
    }),
  )
  const stop = async () => {
    child.stdin!.end('stop\n')
    await Promise.race([ended, sleep(STOP_WITHIN_MS, undefined, { ref: false })])
    child.stdin!.destroy()
    await ended
  }
  const comeUp = async () => {
    const deadline = performance.now() + READY_WITHIN_MS
    while (!(await answers(port))) {
      if (over) throw new HostError(`DynamoDB Local did not start: ${lastLines(output)}`)
      if (performance.now() > deadline)
        throw new HostError(`DynamoDB Local did not answer within ${READY_WITHIN_MS / 1000} s: ${lastLines(output)}`)
      await sleep(20)
    }
  }
  const ready = comeUp()
  ready.catch(() => {}) // whoever awaits it hears of it
  return { port, ready, ended, stop }
}

/** A child that is told to end by a line on its stdin, and is killed when this process ends, whichever way: our end of the pipe closes then. */
function spawnTied(command: string, args: readonly string[], cwd: string): ChildProcess {
  const script =
    'exec 3<&0; "$@" </dev/null & child=$!; (if read -r _ <&3; then kill -TERM $child; else kill -KILL $child; fi) 2>/dev/null & wait $child'
  // A session of its own, so that Ctrl-C on our terminal does not end it before we have stopped writing.
  return spawn('sh', ['-c', script, 'zeroplane-dynamodb', command, ...args], { stdio: ['pipe', 'pipe', 'pipe'], detached: true, cwd })
}

/** Any reply will do; this request is refused for lack of a signature. */
function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent: false }, response => {
      response.resume()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
    probe.end()
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join(' | ') || 'it printed nothing'
}

function fastStart(emulator: string, { java, cacheDir }: DynamoDbLocalOptions): { jvm: string[]; classPath: string } {
  const jar = join(cacheDir, 'DynamoDBLocal.jar')
  // An archive fits the Java that wrote it and no other.
  const archive = join(
    cacheDir,
    `DynamoDBLocal-${createHash('sha256')
      .update(`${java} ${statSync(java).mtimeMs}`)
      .digest('hex')
      .slice(0, 12)}.jsa`,
  )
  if (!existsSync(jar)) {
    mkdirSync(cacheDir, { recursive: true })
    writeFileSync(`${jar}.${process.pid}`, withoutManifest(readFileSync(join(emulator, 'DynamoDBLocal.jar'))))
    renameSync(`${jar}.${process.pid}`, jar)
  }
  const lib = join(emulator, 'DynamoDBLocal_lib')
  const jars = readdirSync(lib)
    .filter(name => name.endsWith('.jar'))
    .sort()
    .map(name => join(lib, name))
  const classPath = [jar, ...jars].join(':')
  return {
    classPath,
    jvm: [
      existsSync(archive) ? `-XX:SharedArchiveFile=${archive}` : `-XX:ArchiveClassesAtExit=${archive}`,
      '-Xlog:disable',
      '-Xlog:all=error:stderr',
    ],
  }
}

/** The jar with its manifest under a name that Java does not look for. Both names have one length, so nothing else moves. */
function withoutManifest(jar: Buffer): Buffer {
  const name = Buffer.from('META-INF/MANIFEST.MF')
  const other = Buffer.from('META-INF/MANIFEST.OL')
  for (let at = jar.indexOf(name); at >= 0; at = jar.indexOf(name, at)) other.copy(jar, at)
  return jar
}
