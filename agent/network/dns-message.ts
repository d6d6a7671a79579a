// The wire format of DNS (RFC 1035, 2782, 6891), as far as a cluster's name service speaks it. Names are without the final dot.

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const
export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const

const CLASS_IN = 1
const HEADER = 12
/** What a client without EDNS takes in one datagram, and the most that we send in one. */
const PLAIN_UDP = 512
const LARGEST_UDP = 1232
const LONGEST_NAME = 255

export interface Question {
  /** As asked, in whatever case. */
  readonly name: string
  readonly type: number
}

export interface Query {
  readonly id: number
  readonly recursionDesired: boolean
  readonly question: Question
  /** Largest datagram that the client takes; undefined without EDNS. */
  readonly size?: number
}

interface Common {
  readonly name: string
  readonly ttl: number
}
export type ResourceRecord =
  | (Common & { readonly type: 'A' | 'AAAA'; readonly address: string })
  | (Common & { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: string })
  | (Common & { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string })
  | (Common & { readonly type: 'TXT'; readonly text: string })
  | (Common & { readonly type: 'SOA'; readonly primary: string; readonly mailbox: string; readonly minimum: number })

export interface Answer {
  readonly rcode: number
  readonly answers: readonly ResourceRecord[]
  readonly authority?: readonly ResourceRecord[]
  readonly additional?: readonly ResourceRecord[]
}

/** Undefined: not a query that can be answered at all, so nothing is sent back. @throws FormatError when it says so itself */
export function decodeQuery(message: Buffer): Query | undefined {
  if (message.length < HEADER) return undefined
  const flags = message.readUInt16BE(2)
  if (flags & 0x8000) return undefined
  const id = message.readUInt16BE(0)
  const recursionDesired = (flags & 0x0100) !== 0
  if ((flags & 0x7800) !== 0) throw new QueryError(RCODE.notImplemented, id)
  try {
    if (message.readUInt16BE(4) !== 1) throw new RangeError('one question, please')
    const { name, next } = readName(message, HEADER)
    const type = message.readUInt16BE(next)
    return { id, recursionDesired, question: { name, type }, size: ednsSize(message, next + 4) }
  } catch (error) {
    if (error instanceof RangeError) throw new QueryError(RCODE.formatError, id)
    throw error
  }
}

/** The query is answered with this code and nothing else. */
export class QueryError extends Error {
  override readonly name = 'QueryError'
  readonly rcode: number
  readonly id: number
  constructor(rcode: number, id: number) {
    super(`DNS query answered with code ${rcode}`)
    this.rcode = rcode
    this.id = id
  }

  encode(): Buffer {
    const message = Buffer.alloc(HEADER)
    message.writeUInt16BE(this.id, 0)
    message.writeUInt16BE(0x8000 | this.rcode, 2)
    return message
  }
}

function ednsSize(message: Buffer, from: number): number | undefined {
  let at = from
  const others = message.readUInt16BE(6) + message.readUInt16BE(8)
  const additional = message.readUInt16BE(10)
  for (let n = 0; n < others + additional; n++) {
    const { next } = readName(message, at)
    if (n >= others && message.readUInt16BE(next) === TYPE.OPT) return message.readUInt16BE(next + 2)
    at = next + 10 + message.readUInt16BE(next + 8)
  }
  return undefined
}

/** Follows compression. @throws RangeError beyond the message's end, or when names go in circles */
function readName(message: Buffer, start: number): { name: string; next: number } {
  const labels: string[] = []
  let at = start
  let next: number | undefined
  let length = 0
  for (;;) {
    const size = message.readUInt8(at)
    if (size === 0) break
    if ((size & 0xc0) === 0xc0) {
      next ??= at + 2
      const target = message.readUInt16BE(at) & 0x3fff
      // Only ever backwards: no circles.
      if (target >= at) throw new RangeError('a name that points ahead')
      at = target
      continue
    }
    if (size & 0xc0) throw new RangeError('no such kind of label')
    length += size + 1
    if (length > LONGEST_NAME || at + 1 + size > message.length) throw new RangeError('a name that is too long')
    labels.push(message.toString('latin1', at + 1, at + 1 + size))
    at += size + 1
  }
  return { name: labels.join('.'), next: next ?? at + 1 }
}

/** The answers of another server, of the types that a chain of aliases is made of. */
export function decodeAnswers(message: Buffer): { readonly id: number; readonly rcode: number; readonly answers: ResourceRecord[] } {
  const answers: ResourceRecord[] = []
  let at = HEADER
  for (let n = message.readUInt16BE(4); n > 0; n--) at = readName(message, at).next + 4
  for (let n = message.readUInt16BE(6); n > 0; n--) {
    const { name, next } = readName(message, at)
    const type = message.readUInt16BE(next)
    const ttl = message.readUInt32BE(next + 4)
    const length = message.readUInt16BE(next + 8)
    const data = message.subarray(next + 10, next + 10 + length)
    if (type === TYPE.A && length === 4) answers.push({ name, ttl, type: 'A', address: [...data].join('.') })
    else if (type === TYPE.AAAA && length === 16) answers.push({ name, ttl, type: 'AAAA', address: readIPv6(data) })
    else if (type === TYPE.CNAME) answers.push({ name, ttl, type: 'CNAME', target: readName(message, next + 10).name })
    at = next + 10 + length
  }
  return { id: message.readUInt16BE(0), rcode: message.readUInt16BE(2) & 0xf, answers }
}

const readIPv6 = (data: Buffer) => Array.from({ length: 8 }, (_, n) => data.readUInt16BE(n * 2).toString(16)).join(':')

/** 16 bytes of an address as it is written, "::" and all. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':').map(word => Number.parseInt(word, 16)))
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  const bytes = Buffer.alloc(16)
  all.forEach((word, n) => {
    bytes.writeUInt16BE(word, n * 2)
  })
  return bytes
}

class Writer {
  readonly #names = new Map<string, number>()
  #message = Buffer.alloc(LARGEST_UDP)
  length = HEADER

  get message() {
    return this.#message
  }

  /** Takes back what was written after a mark; names that it brought are forgotten. */
  rewind(mark: number) {
    this.length = mark
    for (const [name, at] of this.#names) if (at >= mark) this.#names.delete(name)
  }

  #room(bytes: number) {
    if (this.length + bytes <= this.#message.length) return
    const larger = Buffer.alloc(Math.max(this.#message.length * 2, this.length + bytes))
    this.#message.copy(larger)
    this.#message = larger
  }

  uint16(value: number) {
    this.#room(2)
    this.length = this.#message.writeUInt16BE(value, this.length)
  }

  uint32(value: number) {
    this.#room(4)
    this.length = this.#message.writeUInt32BE(value, this.length)
  }

  bytes(data: Buffer) {
    this.#room(data.length)
    this.length += data.copy(this.#message, this.length)
  }

  /** What a name ends in and was written before is pointed to. */
  name(name: string, compress = true) {
    let rest = name
    while (rest !== '') {
      const key = rest.toLowerCase()
      const known = compress ? this.#names.get(key) : undefined
      if (known !== undefined) return this.uint16(0xc000 | known)
      if (this.length < 0x3fff) this.#names.set(key, this.length)
      const dot = rest.indexOf('.')
      const label = dot < 0 ? rest : rest.slice(0, dot)
      this.bytes(Buffer.from([label.length]))
      this.bytes(Buffer.from(label, 'latin1'))
      rest = dot < 0 ? '' : rest.slice(dot + 1)
    }
    this.bytes(Buffer.from([0]))
  }

  record(record: ResourceRecord) {
    this.name(record.name)
    this.uint16(TYPE[record.type])
    this.uint16(CLASS_IN)
    this.uint32(record.ttl)
    const at = this.length
    this.uint16(0)
    this.#data(record)
    this.#message.writeUInt16BE(this.length - at - 2, at)
  }

  #data(record: ResourceRecord) {
    switch (record.type) {
      case 'A':
      case 'AAAA':
        return this.bytes(bytesOf(record.address))
      case 'CNAME':
      case 'PTR':
      case 'NS':
        return this.name(record.target)
      case 'SRV':
        this.uint16(record.priority)
        this.uint16(record.weight)
        this.uint16(record.port)
        // RFC 2782: not compressed.
        return this.name(record.target, false)
      case 'TXT':
        return this.bytes(Buffer.concat([Buffer.from([record.text.length]), Buffer.from(record.text, 'latin1')]))
      case 'SOA':
        this.name(record.primary)
        this.name(record.mailbox)
        for (const value of [1, 7200, 1800, 86_400, record.minimum]) this.uint32(value)
    }
  }
}

/** `udp`: cut to what one datagram carries, and marked as cut when answers are missing. */
export function encodeAnswer({ id, recursionDesired, question, size }: Query, answer: Answer, udp: boolean): Buffer {
  const writer = new Writer()
  writer.name(question.name)
  writer.uint16(question.type)
  writer.uint16(CLASS_IN)
  const edns = size === undefined ? 0 : 11
  const limit = (udp ? Math.min(Math.max(size ?? PLAIN_UDP, PLAIN_UDP), LARGEST_UDP) : 0xffff) - edns
  const put = (records: readonly ResourceRecord[] = []) => {
    let written = 0
    for (const record of records) {
      const mark = writer.length
      writer.record(record)
      if (writer.length > limit) {
        writer.rewind(mark)
        break
      }
      written++
    }
    return written
  }
  const answers = put(answer.answers)
  const cut = answers < answer.answers.length
  const authority = cut ? 0 : put(answer.authority)
  let additional = cut ? 0 : put(answer.additional)
  if (size !== undefined) {
    writer.name('')
    writer.uint16(TYPE.OPT)
    writer.uint16(LARGEST_UDP)
    writer.uint32(0)
    writer.uint16(0)
    additional++
  }
  const message = writer.message.subarray(0, writer.length)
  // An answer, authoritative, recursion available.
  const flags = 0x8000 | 0x0400 | (cut ? 0x0200 : 0) | (recursionDesired ? 0x0100 : 0) | 0x0080 | answer.rcode
  const counts = [id, flags, 1, answers, authority, additional]
  counts.forEach((value, n) => {
    message.writeUInt16BE(value, n * 2)
  })
  return message
}

export function encodeQuery(id: number, { name, type }: Question): Buffer {
  const writer = new Writer()
  writer.name(name)
  writer.uint16(type)
  writer.uint16(CLASS_IN)
  const message = writer.message.subarray(0, writer.length)
  for (const [n, value] of [id, 0x0100, 1, 0, 0, 0].entries()) message.writeUInt16BE(value, n * 2)
  return message
}
