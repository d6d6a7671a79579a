// File descriptors of log streams: a cluster of thousands of pods has more streams than a process may have open files, so only the most
// recently used stay open.
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

const MOST = 128
const open = new Map<string, number>()

/** For appending and reading; made when missing. Do not keep the descriptor: it may be closed by the next call. */
export function descriptor(file: string): number {
  let fd = open.get(file)
  if (fd === undefined) {
    mkdirSync(dirname(file), { recursive: true })
    fd = openSync(file, 'a+')
  }
  // The end of the Map is the most recently used.
  open.delete(file)
  open.set(file, fd)
  if (open.size > MOST) closeFile(open.keys().next().value!)
  return fd
}

export function closeFile(file: string): void {
  const fd = open.get(file)
  if (fd === undefined) return
  closeSync(fd)
  open.delete(file)
}
