// RESP2, the protocol of Redis: values on a connection, both ways. Commands are arrays of strings.
import { connect, type Socket } from 'node:net'

/** A short text without blanks' trouble, such as OK; strings are sent with their length instead. */
export class Status {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Value = string | number | null | Status | Error | readonly Value[]

export function encode(value: Value): string {
  if (value === null) return '$-1\r\n'
  if (typeof value === 'number') return `:${value}\r\n`
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`
  if (value instanceof Status) return `+${value.text}\r\n`
  if (value instanceof Error) return `-${value.message}\r\n`
  return `*${value.length}\r\n${value.map(encode).join('')}`
}

/** Hands on each value when all of it has come. */
export function decoder(take: (value: Value) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    for (let read = readValue(rest, 0); read !== undefined; read = readValue(rest, 0)) {
      rest = rest.subarray(read.end)
      take(read.value)
    }
  }
}

function readValue(buffer: Buffer, at: number): { value: Value; end: number } | undefined {
  const line = buffer.indexOf('\n', at)
  if (line < 0) return undefined
  const text = buffer.toString('utf8', at, line).trimEnd()
  const end = line + 1
  const rest = text.slice(1)
  switch (text[0]) {
    case '+':
      return { value: new Status(rest), end }
    case '-':
      return { value: new Error(rest), end }
    case ':':
      return { value: Number(rest), end }
    case '$': {
      const length = Number(rest)
      if (length < 0) return { value: null, end }
      if (buffer.length < end + length + 2) return undefined
      return { value: buffer.toString('utf8', end, end + length), end: end + length + 2 }
    }
    case '*':
      return readArray(buffer, end, Number(rest))
    default:
      // What a person types into a bare connection.
      return { value: text.split(/\s+/).filter(Boolean), end }
  }
}

function readArray(buffer: Buffer, at: number, length: number): { value: Value; end: number } | undefined {
  const value: Value[] = []
  let end = at
  while (value.length < length) {
    const read = readValue(buffer, end)
    if (read === undefined) return undefined
    value.push(read.value)
    end = read.end
  }
  return { value, end }
}

/** A connection whose values go to `take`. The other side is taken for gone when it says nothing for so long. */
export function open(host: string, port: number, silenceMs: number, take: (value: Value) => void): Socket {
  const socket = connect({ host, port, timeout: silenceMs })
  socket.on('data', decoder(take))
  socket.on('timeout', () => socket.destroy(new Error(`${host}:${port} says nothing`)))
  return socket
}

/** One command and its answer, on a connection of their own. @throws when there is no answer. */
export function ask(host: string, port: number, ...command: string[]): Promise<Value> {
  return new Promise((resolve, reject) => {
    const socket = open(host, port, 2_000, value => {
      resolve(value)
      socket.end()
    })
    socket.on('connect', () => socket.write(encode(command)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${host}:${port} closed the connection`)))
  })
}
