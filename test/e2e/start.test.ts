// npm start and npm stop as a stranger meets them, and what they say when they cannot.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isRunning } from '../../localstack/host/process.ts'
import { Cluster } from '../tools/cluster.ts'
import { runProgram } from '../tools/kubectl.ts'

const API_ALONE = ['--no-controllers', '--store', 'memory']

let cluster: Cluster
beforeEach(async () => {
  cluster = await Cluster.prepare({ flags: API_ALONE })
})
afterEach(() => cluster.destroy())

test('start prints the one line to use it, writes kubeconfig and pid, and kubectl of today and of 2021 work', async () => {
  const { code, stderr } = await cluster.npmStart()
  expect(code).toBe(0)
  expect(stderr).toContain(`export KUBECONFIG=${cluster.kubeconfig}`)
  expect(isRunning(cluster.pid)).toBe(true)
  // The administrator's token is in it.
  expect(statSync(cluster.kubeconfig).mode & 0o077).toBe(0)

  for (const version of ['1.36', '1.22'] as const) {
    const { code, stdout } = await cluster.try(version, ['get', 'namespaces', '-o', 'name'])
    expect({ version, code }).toEqual({ version, code: 0 })
    expect(stdout.trim().split('\n')).toEqual(expect.arrayContaining(['namespace/default', 'namespace/kube-system']))
  }
})

test('stop ends the process and frees the folder; stopping twice is no error', async () => {
  await cluster.start()
  const { pid } = cluster
  const stopped = await cluster.stop()
  expect(stopped).toMatchObject({ code: 0 })
  expect(stopped.stdout).toContain('Zeroplane is stopped.')
  expect(isRunning(pid)).toBe(false)
  expect(existsSync(join(cluster.dataDir, 'zeroplane.pid'))).toBe(false)
  const again = await cluster.stop()
  expect(again).toMatchObject({ code: 0 })
  expect(again.stdout).toContain('does not run')
})

test('a second start on the same folder says who has it', async () => {
  await cluster.start()
  const { code, stderr } = await cluster.npmStart()
  expect(code).not.toBe(0)
  expect(stderr).toContain(`already runs on ${cluster.dataDir} (process ${cluster.pid})`)
  expect(await cluster.kubectl('get namespace default -o name')).toBe('namespace/default\n')
})

test.each(['apiPort', 'awsPort'] as const)('a taken port (%s) is one line and nothing is left behind', async which => {
  const holder = await listen(cluster[which])
  try {
    const { code, stderr } = await cluster.npmStart()
    expect(code).not.toBe(0)
    const flag = which === 'apiPort' ? '--port' : '--aws-port'
    expect(errors(stderr)).toEqual([`zeroplane: port ${cluster[which]} is in use by another program; give another one with ${flag}`])
    expect(existsSync(join(cluster.dataDir, 'zeroplane.pid'))).toBe(false)
  } finally {
    holder.close()
  }
})

test("a folder that is somebody else's is left alone, also with --fresh", async () => {
  mkdirSync(cluster.dataDir, { recursive: true })
  writeFileSync(join(cluster.dataDir, 'thesis.txt'), 'three years of work')
  const { code, stderr } = await cluster.npmStart('--fresh')
  expect(code).not.toBe(0)
  expect(errors(stderr)).toEqual([
    `zeroplane: ${cluster.dataDir} is not empty and not a data folder of Zeroplane; give another one with --data`,
  ])
  expect(readFileSync(join(cluster.dataDir, 'thesis.txt'), 'utf8')).toBe('three years of work')
})

test('a folder that cannot be used is one line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-e2e-'))
  try {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const other = await Cluster.prepare({ dataDir: join(file, 'data'), flags: API_ALONE })
    const { code, stderr } = await other.npmStart()
    expect(code).not.toBe(0)
    expect(errors(stderr)).toEqual([expect.stringContaining(`zeroplane: cannot use the data folder ${other.dataDir}: `)])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('without Java, and without being allowed to install it, it says what to install', async () => {
  // A PATH with node and npm alone, and no apt-get to help.
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-e2e-'))
  try {
    const { code, stderr } = await runProgram(
      process.execPath,
      [
        'scripts/bootstrap.mjs',
        'scripts/start.ts',
        '--data',
        join(folder, 'data'),
        '--no-controllers',
        '--port',
        `${cluster.apiPort}`,
        '--aws-port',
        `${cluster.awsPort}`,
      ],
      {
        env: { PATH: folder, JAVA_HOME: '', ZEROPLANE_NO_INSTALL: '1' },
      },
    )
    expect(code).not.toBe(0)
    expect(errors(stderr)).toEqual([expect.stringMatching(/^zeroplane: DynamoDB Local needs Java 17 or newer, and there is none/)])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('without a Docker Engine, and without being allowed to install one, it says what to install', async () => {
  const { code, stderr } = await runProgram(
    'npm',
    ['start', '--', '--data', cluster.dataDir, '--port', `${cluster.apiPort}`, '--aws-port', `${cluster.awsPort}`, '--store', 'memory'],
    {
      env: { DOCKER_HOST: 'unix:///nowhere/docker.sock', ZEROPLANE_NO_INSTALL: '1' },
    },
  )
  expect(code).not.toBe(0)
  expect(errors(stderr)).toEqual([
    expect.stringMatching(/^zeroplane: no Docker Engine answers .* Install or start Docker, .* --ecs simulated$/),
  ])
})

test('a wrong flag is one line and starts nothing', async () => {
  const { code, stderr } = await cluster.npmStart('--nodes', 'many')
  expect(code).not.toBe(0)
  expect(stderr).toContain('Give a number from 0 to 100.')
  expect(existsSync(cluster.dataDir)).toBe(false)
})

test('Ctrl-C in the foreground ends everything and exits with 0', async () => {
  const stop = new AbortController()
  const started = runProgram(
    process.execPath,
    [
      'scripts/bootstrap.mjs',
      'scripts/start.ts',
      '--data',
      cluster.dataDir,
      '--port',
      `${cluster.apiPort}`,
      '--aws-port',
      `${cluster.awsPort}`,
      ...API_ALONE,
    ],
    {
      signal: stop.signal,
    },
  )
  while (!existsSync(cluster.kubeconfig)) await new Promise(resolve => setTimeout(resolve, 50))
  stop.abort()
  expect(await started).toMatchObject({ code: 0 })
  expect(existsSync(join(cluster.dataDir, 'zeroplane.pid'))).toBe(false)
})

const errors = (stderr: string) => stderr.split('\n').filter(line => line.startsWith('zeroplane: '))

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
