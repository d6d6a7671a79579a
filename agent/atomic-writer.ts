// Puts files into a volume so that whoever reads sees all of the old ones or all of the new ones (pkg/volume/util/atomic_writer.go):
//
//   ..2026_11_28_17_40_00.1   folder with the files
//   ..data                    link to that folder; its replacement is the one moment of change
//   key                       link to ..data/key, for each name at the top
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { VolumeFile } from '../shared/pods/agent-protocol.ts'

const DATA = '..data'
const NEW_DATA = '..data_tmp'

/** Bits that a pod's group gets on what it may read: files, and folders with the group passed on. */
const GROUP_FILE = 0o440
const GROUP_FOLDER = 0o2550

let count = 0

/** @throws the file system's errors; then what was there before still is. */
export function writeAtomically(volume: string, files: readonly VolumeFile[], group?: number) {
  const before = current(volume)
  const folder = `..${new Date()
    .toISOString()
    .replace(/[-T:]/g, '_')
    .replace(/\.\d+Z$/, '')}.${process.pid}${++count}`
  try {
    fill(join(volume, folder), files, group)
    rmSync(join(volume, NEW_DATA), { force: true })
    symlinkSync(folder, join(volume, NEW_DATA))
  } catch (error) {
    rmSync(join(volume, folder), { recursive: true, force: true })
    throw error
  }
  renameSync(join(volume, NEW_DATA), join(volume, DATA))
  link(volume, new Set(files.map(({ path }) => normalize(path).split('/')[0]!)))
  if (before !== undefined && before !== folder) rmSync(join(volume, before), { recursive: true, force: true })
}

/** The folder that ..data points at. */
function current(volume: string): string | undefined {
  try {
    const target = readlinkSync(join(volume, DATA))
    return target.startsWith('..') && !target.includes('/') ? target : undefined
  } catch {
    return undefined
  }
}

function fill(folder: string, files: readonly VolumeFile[], group: number | undefined) {
  makeFolder(folder, group)
  for (const { path, content, mode, user } of files) {
    const inside = normalize(path)
    if (inside.startsWith('/') || inside.split('/').includes('..'))
      throw new Error(`the path ${JSON.stringify(path)} leads out of the volume`)
    const parents = dirname(inside) === '.' ? [] : dirname(inside).split('/')
    for (let depth = 1; depth <= parents.length; depth++) makeFolder(join(folder, ...parents.slice(0, depth)), group)
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    const file = openSync(join(folder, inside), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600)
    try {
      writeFileSync(file, Buffer.from(content, 'base64'))
      if (user !== undefined || group !== undefined) fchownSync(file, user ?? process.getuid!(), group ?? process.getgid!())
      // After the owner: changing that takes bits away.
      fchmodSync(file, group === undefined ? mode : mode | GROUP_FILE)
    } finally {
      closeSync(file)
    }
  }
}

function makeFolder(path: string, group: number | undefined) {
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  if (group !== undefined) chownSync(path, process.getuid!(), group)
  chmodSync(path, group === undefined ? 0o755 : 0o755 | GROUP_FOLDER)
}

/** New names come after the data they lead to, old ones go after it has gone. */
function link(volume: string, names: ReadonlySet<string>) {
  for (const name of names) {
    const path = join(volume, name)
    if (!exists(path)) symlinkSync(join(DATA, name), path)
  }
  for (const name of readdirSync(volume))
    if (!name.startsWith('..') && !names.has(name)) rmSync(join(volume, name), { recursive: true, force: true })
}

function exists(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}
