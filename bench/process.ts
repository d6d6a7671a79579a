// What the local cluster's processes use: memory, and processor time while nothing happens. Linux only: it reads /proc.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../test/tools/cluster.ts'
import { type Figure, mib } from './report.ts'

const IDLE_MS = 20_000
/** Ticks a second: USER_HZ is 100 on every Linux. */
const HZ = 100

export async function benchProcesses(cluster: Cluster): Promise<Figure[]> {
  const pids = descendants(cluster.pid)
  const before = pids.map(ticks)
  await sleep(IDLE_MS)
  const used = pids.map((pid, index) => ticks(pid) - before[index]!).reduce((sum, value) => sum + value, 0)
  const figures = pids
    .map(pid => ({ name: nameOf(pid), bytes: resident(pid) }))
    .filter(({ bytes }) => bytes > 4 * 1024 * 1024)
    .map(({ name, bytes }): Figure => ({ name: `resident memory, ${name}`, value: mib(bytes) }))
  const total = pids.reduce((sum, pid) => sum + resident(pid), 0)
  return [
    ...figures,
    { name: 'resident memory, all', value: mib(total), beside: 'kube-apiserver and its neighbours 690 MB' },
    {
      name: 'idle, of one core',
      value: `${((used / HZ / (IDLE_MS / 1000)) * 100).toFixed(1)} %`,
      beside: 'aim: 3 %; kube-apiserver and its neighbours 7 %',
    },
  ]
}

function descendants(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(stat(Number(name))?.[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const all = [root]
  for (const pid of all) all.push(...(children.get(pid) ?? []))
  return all
}

/** Fields after the name in parentheses: state, ppid, ... */
function stat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

const ticks = (pid: number) => Number(stat(pid)?.[11] ?? 0) + Number(stat(pid)?.[12] ?? 0)
const resident = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024

function nameOf(pid: number): string {
  const command = read(`/proc/${pid}/cmdline`).split('\0')
  if (command[0]?.endsWith('java')) return 'DynamoDB Local'
  return command[0]?.endsWith('node') ? 'the process host' : (command[0] ?? '')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
