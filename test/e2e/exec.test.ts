// Into running containers and back, with kubectl of today (WebSocket) and of 2021 (SPDY): exec, cp, attach, run, port-forward, terminals.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { Cluster, freePort, ROOT } from '../tools/cluster.ts'
import { containersOf, kill } from '../tools/docker.ts'
import { type KubectlVersion, runProgram, toolsFolder } from '../tools/kubectl.ts'
import { eventually } from '../tools/wait.ts'

const VERSIONS: readonly KubectlVersion[] = ['1.36', '1.22']
const folder = mkdtempSync(join(tmpdir(), 'zeroplane-exec-'))
let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.prepare({ flags: ['--store', 'memory', '--nodes', '1'] })
  await cluster.start()
  await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: demo, image: "zeroplane/demo:1", env: [{ name: GREETING, value: hello there }], workingDir: /tmp, securityContext: { runAsUser: 1000 } }
    - { name: other, image: "zeroplane/demo:1", command: [sh, -c, "exec busybox sleep 100000"] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules: [{ apiGroups: [""], resources: [pods, pods/exec], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: reader }]
`)
  await cluster.kubectl('wait pod/web --for=condition=Ready --timeout=120s', { timeout: 130_000 })
})
afterAll(async () => {
  await cluster?.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

async function kubectlProcess(version: KubectlVersion, args: readonly string[]): Promise<ChildProcess> {
  const program = join(await toolsFolder(version), 'kubectl', 'kubectl')
  return spawn(program, args, { env: { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.dataDir } })
}

/** Runs kubectl on a terminal of its own and types when what it waits for has been shown. */
async function onTerminal(version: KubectlVersion, line: string, steps: readonly [shown: RegExp, typed: string][]) {
  const program = join(await toolsFolder(version), 'kubectl', 'kubectl')
  const script = spawn('script', ['-qec', `stty rows 31 cols 99; exec ${program} ${line}`, '/dev/null'], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.dataDir },
  })
  let shown = ''
  script.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
  })
  const ended = new Promise<number | null>(resolve => script.on('close', resolve))
  let from = 0
  for (const [wanted, typed] of steps) {
    await eventually(`${wanted} is shown after ${JSON.stringify(shown.slice(from))}`, () => wanted.test(shown.slice(from)))
    from = shown.length
    script.stdin.write(typed)
  }
  return { code: await ended, shown }
}

describe.each(VERSIONS)('kubectl %s', version => {
  const run = (args: readonly string[], input?: string) => cluster.try(version, args, { input, timeout: 60_000 })

  test('exec: output and errors apart, standard input, exit codes', async () => {
    expect(await run(['exec', 'web', '-c', 'demo', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 3\n',
    })
    expect(await run(['exec', '-i', 'web', '-c', 'demo', '--', 'busybox', 'wc', '-c'], 'x'.repeat(300_000))).toMatchObject({
      code: 0,
      stdout: '300000\n',
    })
  })

  test("exec runs in the container itself: its user, environment, folder and processes' end", async () => {
    const { stdout } = await run(['exec', 'web', '-c', 'demo', '--', 'sh', '-c', 'id -u; echo "$GREETING"; pwd'])
    expect(stdout).toBe('1000\nhello there\n/tmp\n')
    expect((await run(['exec', 'web', '-c', 'demo', '--', 'sh', '-c', 'kill -9 $$'])).code).toBe(137)
  })

  test('a command that is not there: 127; one that cannot be run: 126; in the words of the runtime', async () => {
    const missing = await run(['exec', 'web', '-c', 'demo', '--', 'nosuch'])
    expect(missing.code).toBe(127)
    expect(missing.stderr).toContain('exec: "nosuch": executable file not found in $PATH')
    const file = await run(['exec', 'web', '-c', 'demo', '--', '/etc/passwd'])
    expect(file.code).toBe(126)
    expect(file.stderr).toContain('exec: "/etc/passwd": permission denied')
  })

  test('pods and containers that are not there, or do not run', async () => {
    expect((await run(['exec', 'ghost', '--', 'true'])).stderr).toBe('Error from server (NotFound): pods "ghost" not found\n')
    const container = await run(['exec', 'web', '-c', 'ghost', '--', 'true'])
    expect(container).toMatchObject({ code: 1, stderr: expect.stringMatching(/container (not found|ghost is not valid for pod web)/) })
    await cluster.kubectl(`run waits-${version.replace('.', '-')} --image=zeroplane/no-such-image:1`)
    const waiting = await run(['exec', `waits-${version.replace('.', '-')}`, '--', 'true'])
    expect(waiting).toMatchObject({ code: 1, stderr: expect.stringMatching(/container not found|does not have a host assigned/) })
  })

  test('cp: binary, both ways', async () => {
    const bytes = randomBytes(3_000_000)
    const here = join(folder, `there-${version}`)
    const back = join(folder, `back-${version}`)
    writeFileSync(here, bytes)
    expect(await run(['cp', here, `web:/tmp/copy-${version}`, '-c', 'demo'])).toMatchObject({ code: 0 })
    expect(await run(['cp', `web:/tmp/copy-${version}`, back, '-c', 'demo'])).toMatchObject({ code: 0 })
    expect(sha(readFileSync(back))).toBe(sha(bytes))
  })

  test('a terminal: its size, its keys, its exit code', async () => {
    const { code, shown } = await onTerminal(version, 'exec -it web -c demo -- sh', [
      [/[$#] /, 'stty size; tty; echo $TERM\n'],
      [/31 99\r\n\/dev\/pts\/\d+\r\nxterm/, 'echo be""gun; sleep 1000\n'],
      [/begun/, '\x03'],
      [/[$#] /, 'echo af""ter; exit 7\n'],
    ])
    expect(shown).toContain('after')
    expect(code).toBe(7)
  })

  test("run -i --rm: what is typed goes in, what comes out is shown, the exit code is kubectl's", async () => {
    const name = `once-${version.replace('.', '-')}`
    const args = ['run', name, '--image=zeroplane/demo:1', '--restart=Never', '--rm', '-i', '--command', '--', 'sh']
    const { code, stdout } = await run(args, 'echo got this\nexit 5\n')
    expect(stdout).toContain('got this\n')
    expect(code).toBe(5)
    expect((await run(['get', 'pod', name])).stderr).toContain('not found')
  })

  test('run -it --rm: a container that has a terminal of its own', async () => {
    const { code, shown } = await onTerminal(
      version,
      `run term-${version.replace('.', '-')} --image=zeroplane/demo:1 --restart=Never --rm -it --command -- sh`,
      [
        [/prompt, try pressing enter/, '\n'],
        [/[$#] /, 'stty size; echo be""gun; sleep 1000\n'],
        [/31 99[\s\S]*begun/, '\x03'],
        [/[$#] /, 'exit 6\n'],
      ],
    )
    expect(shown).toContain('31 99')
    expect(code).toBe(6)
  })

  test('attach to a container that takes no input shows what it prints from now on, and ends with it', async () => {
    const name = `talks-${version.replace('.', '-')}`
    await cluster.kubectl(
      `run ${name} --image=zeroplane/demo:1 --restart=Never --command -- sh -c 'n=0; while [ $n -lt 600 ]; do echo line $n; n=$((n+1)); [ -e /tmp/stop ] && exit 0; busybox sleep 0.1; done'`,
    )
    await cluster.kubectl(`wait pod/${name} --for=condition=Ready --timeout=60s`, { timeout: 70_000 })
    const attach = await kubectlProcess(version, ['attach', name])
    let shown = ''
    attach.stdout!.on('data', (chunk: Buffer) => {
      shown += chunk.toString()
    })
    const ended = new Promise<number | null>(resolve => attach.on('close', resolve))
    await eventually('lines are shown', () => /line \d+\nline \d+\n/.test(shown))
    await run(['exec', name, '--', 'touch', '/tmp/stop'])
    expect(await ended).toBe(0)
    await cluster.kubectl(`delete pod ${name} --now`)
  })

  test('port-forward: several ports, many connections, and a port where nobody listens', async () => {
    const [local, dead] = [await freePort(), await freePort()]
    const forward = await kubectlProcess(version, ['port-forward', 'web', `${local}:8080`, `${dead}:81`])
    let errors = ''
    forward.stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    try {
      const status = (port: number) =>
        new Promise<number>((resolve, reject) => {
          get({ host: '127.0.0.1', port, path: '/', agent: false }, response => {
            response.resume()
            response.on('end', () => resolve(response.statusCode ?? 0))
          }).on('error', reject)
        })
      await eventually('the port is open', async () => (await status(local)) === 200)
      expect(await Promise.all(Array.from({ length: 30 }, () => status(local)))).toEqual(Array.from({ length: 30 }, () => 200))
      await expect(status(dead)).rejects.toThrow()
      await eventually('kubectl says why', () => /error forwarding port 81 to pod web[\s\S]*connection refused/.test(errors))
    } finally {
      forward.kill()
    }
  })
})

test('who may only read pods/exec may not exec, not even by a GET', async () => {
  const token = (await cluster.kubectl('create token reader')).trim()
  const args = ['--token', token, '--kubeconfig', await withoutUser(), 'exec', 'web', '-c', 'demo', '--', 'true']
  const { code, stderr } = await cluster.try('1.36', args)
  expect(code).toBe(1)
  expect(stderr).toContain('cannot create resource "pods/exec" in API group "" in the namespace "default"')
})

/** A token on the command line does not replace one in the file. */
async function withoutUser(): Promise<string> {
  const file = join(folder, 'kubeconfig')
  writeFileSync(
    file,
    readFileSync(cluster.kubeconfig, 'utf8').replace(
      /users:[\s\S]*?contexts:/,
      'users:\n  - name: zeroplane-admin\n    user: {}\ncontexts:',
    ),
  )
  return file
}

test('another cluster of the deployment: its own pods are entered, and from inside of them its own API is reached', async () => {
  const ids = async () => (await containersOf(cluster)).map(({ Id }) => Id).sort()
  const before = await ids()
  await cluster.apply('{"apiVersion":"zeroplane.dev/v1alpha1","kind":"Cluster","metadata":{"name":"pr-1"}}')
  const args = ['run', 'kubeconfig', '--', '--local', '--data', cluster.dataDir, '--cluster', 'pr-1']
  expect(await runProgram('npm', args, { timeout: 60_000, env: { INIT_CWD: ROOT } })).toMatchObject({ code: 0 })
  const inside = '--context zeroplane-pr-1'
  await cluster.kubectl(`${inside} create configmap only-here`)
  await cluster.kubectl(`${inside} create rolebinding all --clusterrole=view --group=system:serviceaccounts`)
  await cluster.kubectl(`${inside} run web --image=zeroplane/demo:1 --env=GREETING=other`)
  await cluster.kubectl(`${inside} wait pod/web --for=condition=Ready --timeout=120s`, { timeout: 130_000 })
  for (const version of VERSIONS) {
    const greet = ['exec', 'web', '--', 'sh', '-c', 'echo $GREETING']
    const { stdout, stderr } = await cluster.try(version, [...inside.split(' '), ...greet])
    expect({ version, stdout, stderr }).toEqual({ version, stdout: 'other\n', stderr: '' })
  }
  expect(await cluster.kubectl("exec web -c demo -- sh -c 'echo $GREETING'")).toBe('hello there\n')
  const script = `
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount/', fs = require('node:fs')
    const options = { ca: fs.readFileSync(folder + 'ca.crt'), headers: { authorization: 'Bearer ' + fs.readFileSync(folder + 'token', 'utf8') } }
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
    require('node:https').get('https://' + host + ':' + port + '/api/v1/namespaces/default/configmaps/only-here', options, answer => {
      console.log(answer.statusCode)
      if (answer.statusCode === 200) process.exit()
      answer.pipe(process.stderr)
    })`
  const { stdout, stderr } = await cluster.try('1.36', [...inside.split(' '), 'exec', 'web', '--', 'node', '-e', script])
  expect({ stdout, stderr }).toEqual({ stdout: '200\n', stderr: '' })
  expect(await cluster.kubectl(`${inside} logs web`)).toBe(await cluster.kubectl(`${inside} logs web -c web`))
  await cluster.kubectl('delete cluster pr-1 --timeout=120s', { timeout: 130_000 })
  expect(await ids()).toEqual(before)
})

test('kubectl proxy relays it: an API client behind it can exec', async () => {
  const port = await freePort()
  const proxy = await kubectlProcess('1.36', ['proxy', `--port=${port}`, '--disable-filter'])
  try {
    await new Promise(resolve => proxy.stdout!.once('data', resolve))
    const server = ['--server', `http://127.0.0.1:${port}`, '--kubeconfig', '/dev/null']
    for (const version of VERSIONS) {
      const { code, stdout } = await cluster.try(version, [...server, 'exec', 'web', '-c', 'demo', '--', 'echo', 'through'])
      expect({ version, code, stdout }).toEqual({ version, code: 0, stdout: 'through\n' })
    }
  } finally {
    proxy.kill()
  }
})

test('much output comes whole; a client that goes away takes its command along', async () => {
  const big = await cluster.try(
    '1.36',
    ['exec', 'web', '-c', 'other', '--', 'sh', '-c', 'busybox yes 0123456789abcdef | busybox head -c 30000000 | busybox tee /dev/stderr'],
    { timeout: 100_000 },
  )
  expect({ code: big.code, out: big.stdout.length, err: big.stderr.length }).toEqual({ code: 0, out: 30_000_000, err: 30_000_000 })
  const client = await kubectlProcess('1.36', ['exec', 'web', '-c', 'other', '--', 'sh', '-c', 'echo begun; exec busybox sleep 54321'])
  await new Promise(resolve => client.stdout!.once('data', resolve))
  client.kill('SIGKILL')
  await eventually('the command is gone', async () => !(await cluster.kubectl('exec web -c other -- ps')).includes('54321'))
})

test('an agent killed in the middle: the client ends with an error, the pod lives on and serves the next', async () => {
  const before = await cluster.json<Pod>('get pod web')
  const client = await kubectlProcess('1.36', ['exec', 'web', '-c', 'demo', '--', 'sh', '-c', 'echo begun; exec busybox sleep 1000'])
  const ended = new Promise<number | null>(resolve => client.on('close', resolve))
  await new Promise(resolve => client.stdout!.once('data', resolve))
  const [agent] = await containersOf(cluster, '_agent')
  await kill(agent!.Id)
  expect(await ended).not.toBe(0)
  await eventually('the pod is ready again', async () => {
    const pod = await cluster.json<Pod>('get pod web')
    return (
      pod.metadata.uid === before.metadata.uid &&
      pod.status?.containerStatuses?.every(({ ready }) => ready) &&
      (await containersOf(cluster, '_agent')).some(({ Id, State }) => Id !== agent!.Id && State === 'running')
    )
  })
  expect(await cluster.kubectl('exec web -c demo -- echo again')).toBe('again\n')
})
