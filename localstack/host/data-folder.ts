// The folder that holds everything a local cluster keeps, and who is using it: zeroplane.pid names the one process that may write here.
import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostError, reasonOf } from './host-error.ts'
import { isRunning, readPid } from './process.ts'

/** Marks a folder as ours, so that --fresh never empties somebody's home. */
const MARKER = 'zeroplane.json'
const PID = 'zeroplane.pid'
export const LOG = 'zeroplane.log'
/** The log of a process in the background is open already when that process empties the folder. */
const KEPT = new Set([PID, LOG])
const FORMAT = 1

export interface DataFolder {
  readonly dir: string
  /** Random, made with the folder: tells containers of this cluster from those of another on the same machine. */
  readonly id: string
  path(...names: string[]): string
  /** Gives the folder free for the next process. */
  release(): void
}

/**
 * Makes or opens the folder and claims it for this process.
 * @throws HostError when it cannot be used: not ours, no permission, written by a newer version, or in use.
 */
export function openDataFolder(dir: string, options: { readonly fresh: boolean }): DataFolder {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new HostError(`cannot use the data folder ${dir}: ${reasonOf(error)}`)
  }
  const names = readdirSync(dir)
  const old = names.includes(MARKER) ? readMarker(dir) : undefined
  if (!old && names.length > 0) {
    throw new HostError(`${dir} is not empty and not a data folder of Zeroplane; give another one with --data`)
  }
  claim(dir)
  try {
    if (options.fresh && old) {
      for (const name of names) if (!KEPT.has(name)) rmSync(join(dir, name), { recursive: true, force: true })
    }
    // --fresh keeps the folder's identity, so that containers of the former life are recognised and removed.
    const id = old?.id ?? randomBytes(5).toString('hex')
    if (!old || options.fresh) writeFileSync(join(dir, MARKER), `${JSON.stringify({ format: FORMAT, id })}\n`)
    return {
      dir,
      id,
      path: (...parts) => join(dir, ...parts),
      release: () => rmSync(join(dir, PID), { force: true }),
    }
  } catch (error) {
    rmSync(join(dir, PID), { force: true })
    throw new HostError(`cannot use the data folder ${dir}: ${reasonOf(error)}`)
  }
}

/** Pid of the process that uses the folder, or undefined. */
export function ownerOf(dir: string): number | undefined {
  const pid = readPid(join(dir, PID))
  return pid !== undefined && pid !== process.pid && isRunning(pid) ? pid : undefined
}

function readMarker(dir: string): { format: number; id: string } {
  let marker: { format?: unknown; id?: unknown }
  try {
    marker = JSON.parse(readFileSync(join(dir, MARKER), 'utf8')) as typeof marker
  } catch (error) {
    throw new HostError(`cannot read ${join(dir, MARKER)}: ${reasonOf(error)}. Give another folder with --data, or delete this one.`)
  }
  if (typeof marker.format !== 'number' || typeof marker.id !== 'string')
    throw new HostError(`${join(dir, MARKER)} is damaged; give another folder with --data, or delete this one`)
  if (marker.format > FORMAT)
    throw new HostError(`${dir} was written by a newer version of Zeroplane (format ${marker.format}, this one knows ${FORMAT})`)
  return { format: marker.format, id: marker.id }
}

function claim(dir: string): void {
  const file = join(dir, PID)
  for (;;) {
    const owner = ownerOf(dir)
    if (owner !== undefined) throw new HostError(`Zeroplane already runs on ${dir} (process ${owner}). Stop it with: npm stop`)
    try {
      // 'wx' lets exactly one of two that start at once win.
      writeFileSync(file, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new HostError(`cannot use the data folder ${dir}: ${reasonOf(error)}`)
      if (ownerOf(dir) === undefined) rmSync(file, { force: true })
    }
  }
}
