// The process that holds a task's network namespace: it waits for ever and lets the kernel reap its children. A few machine instructions
// in an image made on the spot, so that no registry, compiler or base image is needed.

import { Readable } from 'node:stream'
import { pack } from 'tar-stream'

/** mov eax,13 / mov edi,17 / lea rsi,[act] / xor edx,edx / mov r10d,8 / syscall ; loop: mov eax,34 / syscall / jmp loop */
const X86_64 = Buffer.from('b80d000000bf11000000488d351300000031d241ba080000000f05b8220000000f05ebf7', 'hex')

/** The same through rt_sigaction (134) and ppoll (73) without descriptors. */
const AARCH64 = words(
  0xd28010c8,
  0xd2800220,
  0x100001a1,
  0xd2800002,
  0xd2800103,
  0xd4000001,
  0xd2800928,
  0xd2800000,
  0xd2800001,
  0xd2800002,
  0xd2800003,
  0xd2800004,
  0xd4000001,
  0x17fffff9,
  0xd503201f,
)

/** struct sigaction with SIG_IGN: children that end leave no zombies. */
const IGNORE = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])

const BASE = 0x400000
const HEADERS = 64 + 56

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4)
  values.forEach((value, at) => {
    buffer.writeUInt32LE(value >>> 0, at * 4)
  })
  return buffer
}

/** A static ELF executable. @throws when the architecture is neither x86_64 nor aarch64. */
export function pauseProgram(architecture: string): Buffer {
  const arm = architecture === 'aarch64' || architecture === 'arm64'
  if (!arm && architecture !== 'x86_64' && architecture !== 'amd64') {
    throw new Error(`pods need an engine on x86_64 or aarch64; this one is ${architecture}`)
  }
  const text = Buffer.concat([arm ? AARCH64 : X86_64, IGNORE])
  const head = Buffer.alloc(HEADERS)
  head.write('\x7fELF', 0, 'latin1')
  // 64 bits, little-endian, version 1
  head.set([2, 1, 1], 4)
  // executable, machine, version
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(arm ? 183 : 62, 18)
  head.writeUInt32LE(1, 20)
  // entry, program headers right after this one; sizes of the headers, one program header
  head.writeBigUInt64LE(BigInt(BASE + HEADERS), 24)
  head.writeBigUInt64LE(64n, 32)
  head.writeUInt16LE(64, 52)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(1, 56)
  // PT_LOAD, read and execute, the whole file
  head.writeUInt32LE(1, 64)
  head.writeUInt32LE(5, 68)
  head.writeBigUInt64LE(BigInt(BASE), 80)
  head.writeBigUInt64LE(BigInt(BASE), 88)
  head.writeBigUInt64LE(BigInt(HEADERS + text.length), 96)
  head.writeBigUInt64LE(BigInt(HEADERS + text.length), 104)
  head.writeBigUInt64LE(0x1000n, 112)
  return Buffer.concat([head, text])
}

/** An archive with one executable file, as `docker import` takes it. */
export function archiveOf(name: string, content: Buffer): Readable {
  const archive = pack()
  archive.entry({ name, mode: 0o755 }, content)
  archive.finalize()
  return Readable.from(archive)
}
