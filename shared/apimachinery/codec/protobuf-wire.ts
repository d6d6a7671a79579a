// The wire format of protocol buffers: varints, lengths, tags. Reading is strict; unknown fields are the caller's to skip.
import { DecodeError } from '../engines.ts'

export const VARINT = 0
export const FIXED64 = 1
export const LENGTH = 2
export const FIXED32 = 5

export class WireReader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = start
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** Number and wire type of the next field. */
  tag(): [number: number, wire: number] {
    const tag = this.#varint32()
    const number = tag >>> 3
    if (number === 0) throw new DecodeError(`proto: illegal tag 0 (wire type ${tag & 7})`)
    return [number, tag & 7]
  }

  /** Integers beyond 2^53 lose their last digits, as everywhere in JSON's numbers. */
  integer(): number {
    return Number(BigInt.asIntN(64, this.#varint()))
  }

  boolean(): boolean {
    return this.#varint() !== 0n
  }

  double(): number {
    this.#need(8)
    this.#at += 8
    return this.#bytes.readDoubleLE(this.#at - 8)
  }

  bytes(): Buffer {
    const length = this.#length()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  text(): string {
    const length = this.#length()
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  message(): WireReader {
    const length = this.#length()
    this.#at += length
    return new WireReader(this.#bytes, this.#at - length, this.#at)
  }

  skip(wire: number): void {
    if (wire === VARINT) this.#varint()
    else if (wire === LENGTH) this.bytes()
    else if (wire === FIXED64 || wire === FIXED32) {
      const width = wire === FIXED64 ? 8 : 4
      this.#need(width)
      this.#at += width
    } else throw new DecodeError(`proto: illegal wireType ${wire}`)
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) throw new DecodeError('unexpected EOF')
  }

  #length(): number {
    const length = this.#varint32()
    this.#need(length)
    return length
  }

  #varint32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      this.#need(1)
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0x7fffffff) throw new DecodeError('proto: negative length found during unmarshaling')
        return value
      }
    }
    throw new DecodeError('proto: integer overflow')
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      this.#need(1)
      const byte = this.#bytes[this.#at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new DecodeError('proto: integer overflow')
  }
}

/** Writes from the end to the front, so that the length of a message is known when it must be written. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(2048)
  #at = this.#bytes.length

  /** How much is written. The difference before and after is the length of what came between. */
  get length(): number {
    return this.#bytes.length - this.#at
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  tag(number: number, wire: number): void {
    this.varint((number << 3) | wire)
  }

  varint(value: number): void {
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
      this.#bigVarint(BigInt.asUintN(64, BigInt(Math.trunc(value))))
      return
    }
    let width = 1
    for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) width++
    this.#room(width)
    let rest = value
    for (let index = 0; index < width; index++) {
      this.#bytes[this.#at + index] = (rest % 128) + (index === width - 1 ? 0 : 128)
      rest = Math.floor(rest / 128)
    }
  }

  #bigVarint(value: bigint): void {
    const out: number[] = []
    let rest = value
    do {
      out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
      rest >>= 7n
    } while (rest > 0n)
    this.bytes(Buffer.from(out))
  }

  double(value: number): void {
    this.#room(8)
    this.#bytes.writeDoubleLE(value, this.#at)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#at)
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.#room(length)
    this.#bytes.write(value, this.#at, 'utf8')
  }

  #room(count: number): void {
    if (this.#at < count) {
      const written = this.length
      const bigger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, written + count))
      this.#bytes.copy(bigger, bigger.length - written, this.#at)
      this.#at = bigger.length - written
      this.#bytes = bigger
    }
    this.#at -= count
  }
}
