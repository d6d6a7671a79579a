// MySQL's protocol as far as a client gets in, names a database, and makes one: packets of length, number and payload.
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'

/** Capabilities: LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH. */
export const CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000
const UTF8 = 33
const AUTOCOMMIT = 2
const PLUGIN = 'mysql_native_password'

export const COMMANDS = { quit: 1, query: 3, ping: 14 } as const

export interface Packet {
  readonly number: number
  readonly payload: Buffer
}

export function send(socket: Socket, number: number, payload: Buffer): void {
  const head = Buffer.alloc(4)
  head.writeUIntLE(payload.length, 0, 3)
  head[3] = number
  socket.write(Buffer.concat([head, payload]))
}

export function receive(socket: Socket, take: (packet: Packet) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readUIntLE(0, 3)) {
      const end = 4 + rest.readUIntLE(0, 3)
      const packet = { number: rest[3]!, payload: rest.subarray(4, end) }
      rest = rest.subarray(end)
      take(packet)
    }
  })
}

export function greeting(version: string, connection: number, salt: Buffer): Buffer {
  const fixed = Buffer.alloc(4)
  fixed.writeUInt32LE(connection)
  const middle = Buffer.alloc(18)
  middle.writeUInt16LE(CAPABILITIES & 0xffff, 0)
  middle[2] = UTF8
  middle.writeUInt16LE(AUTOCOMMIT, 3)
  middle.writeUInt16LE(CAPABILITIES >>> 16, 5)
  middle[7] = salt.length + 1
  const parts = [Buffer.from(`\n${version}\0`), fixed, salt.subarray(0, 8), Buffer.alloc(1), middle, salt.subarray(8)]
  return Buffer.concat([...parts, Buffer.from(`\0${PLUGIN}\0`)])
}

export function readGreeting(payload: Buffer): { version: string; salt: Buffer } {
  const end = payload.indexOf(0)
  return {
    version: payload.toString('utf8', 1, end),
    salt: Buffer.concat([payload.subarray(end + 5, end + 13), payload.subarray(end + 32, end + 44)]),
  }
}

export function login(user: string, proof: Buffer, database: string): Buffer {
  const fixed = Buffer.alloc(32)
  fixed.writeUInt32LE(database === '' ? CAPABILITIES & ~0x8 : CAPABILITIES)
  fixed.writeUInt32LE(1 << 24, 4)
  fixed[8] = UTF8
  const parts = [fixed, Buffer.from(`${user}\0`), Buffer.from([proof.length]), proof]
  return Buffer.concat([...parts, Buffer.from(`${database === '' ? '' : `${database}\0`}${PLUGIN}\0`)])
}

export function readLogin(payload: Buffer): { user: string; proof: Buffer; database: string } {
  const userEnd = payload.indexOf(0, 32)
  const proofEnd = userEnd + 2 + payload[userEnd + 1]!
  const named = (payload.readUInt32LE(0) & 0x8) !== 0
  return {
    user: payload.toString('utf8', 32, userEnd),
    proof: payload.subarray(userEnd + 2, proofEnd),
    database: named ? payload.toString('utf8', proofEnd, payload.indexOf(0, proofEnd)) : '',
  }
}

/** What a client shows who knows the password, without saying it. */
export function prove(password: string, salt: Buffer): Buffer {
  const sha1 = (...parts: (Buffer | string)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest()
  const once = sha1(password)
  const mask = sha1(salt, sha1(once))
  return password === '' ? Buffer.alloc(0) : (once.map((byte, index) => byte ^ mask[index]!) as Buffer)
}

export const OK = Buffer.from([0, 0, 0, AUTOCOMMIT, 0, 0, 0])

export interface Refusal {
  readonly code: number
  /** Five letters. */
  readonly state: string
  readonly message: string
}

export function refusal({ code, state, message }: Refusal): Buffer {
  const head = Buffer.from([0xff, 0, 0])
  head.writeUInt16LE(code, 1)
  return Buffer.concat([head, Buffer.from(`#${state}${message}`)])
}

/** Undefined where the server agreed. */
export const readRefusal = (payload: Buffer): Refusal | undefined =>
  payload[0] === 0xff
    ? { code: payload.readUInt16LE(1), state: payload.toString('utf8', 4, 9), message: payload.toString('utf8', 9) }
    : undefined
