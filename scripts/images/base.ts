// What our images stand on: the Node binary that runs this script, the shared libraries it wants, and a static busybox. No registry is
// asked for anything, so the images can be built where there is none.
import { execFileSync } from 'node:child_process'
import {
  accessSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { ImageFile } from './archive.ts'

/** The Node of the npm package, which is the one all scripts run with; process.execPath may be another when a test runner was started by hand. */
function nodeBinary(): string {
  const path = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  return existsSync(path) ? path : process.execPath
}

/** Node, its loader and libraries, busybox with a link for each of its commands. `cache` is a folder that may keep a downloaded busybox. */
export function baseLayer(cache: string): ImageFile[] {
  if (process.platform !== 'linux') {
    throw new Error(`images are made of this machine's own Node and libraries, which must be Linux ones; this is ${process.platform}`)
  }
  const node = nodeBinary()
  const busybox = findBusybox(cache)
  const commands = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  return [
    { path: 'bin/node', source: node, mode: 0o755 },
    ...sharedLibraries(node).map(path => ({ path: path.slice(1), source: realpathSync(path), mode: 0o755 })),
    { path: 'bin/busybox', source: busybox, mode: 0o755 },
    ...commands.filter(name => name !== 'busybox').map(name => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' },
    { path: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n' },
    { path: 'etc/hosts', content: '' },
    // Names are looked up in files, then DNS, as everywhere.
    { path: 'etc/nsswitch.conf', content: 'hosts: files dns\n' },
    { path: 'root/.keep', content: '' },
    { path: 'tmp/.keep', content: '' },
  ]
}

/** `ldd`, without the kernel's own. glibc's name services are loaded by name at run time and not listed. */
function sharedLibraries(binary: string): string[] {
  const listed = [...execFileSync('ldd', [binary], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(match => match[1]!)
  const libc = listed.find(path => path.endsWith('/libc.so.6'))
  const services = libc ? ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'].map(name => join(dirname(libc), name)) : []
  return [...new Set([...listed, ...services.filter(path => existsSync(path))])]
}

export function findBusybox(cache: string): string {
  const kept = join(cache, 'busybox')
  const candidates = [process.env.ZEROPLANE_BUSYBOX, '/bin/busybox', '/usr/bin/busybox', kept].filter(path => path !== undefined)
  const found = candidates.find(path => existsSync(path) && isStatic(path))
  if (found) return found
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'busybox-'))
  try {
    accessSync('/usr/bin/dpkg-deb')
    execFileSync('apt-get', ['download', '-q', 'busybox-static'], { cwd: folder, stdio: 'pipe' })
    const archive = readdirSync(folder).find(name => name.endsWith('.deb'))!
    execFileSync('dpkg-deb', ['-x', archive, 'root'], { cwd: folder, stdio: 'pipe' })
    const binary = ['bin/busybox', 'usr/bin/busybox'].map(path => join(folder, 'root', path)).find(path => existsSync(path))
    renameSync(binary!, kept)
    return kept
  } catch {
    throw new Error(
      'no static busybox: install one (Debian, Ubuntu: apt-get install busybox-static; Alpine: apk add busybox-static) or name it in ZEROPLANE_BUSYBOX',
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** An ELF file that names no interpreter needs no libraries. */
function isStatic(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(4096)
    readSync(file, head, 0, head.length, 0)
    if (head.readUInt32BE(0) !== 0x7f454c46) return false
    const offset = Number(head.readBigUInt64LE(32))
    const size = head.readUInt16LE(54)
    const INTERPRETER = 3
    return Array.from({ length: head.readUInt16LE(56) }, (_, n) => head.readUInt32LE(offset + n * size)).every(type => type !== INTERPRETER)
  } finally {
    closeSync(file)
  }
}
