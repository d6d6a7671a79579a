// Messages to plain data in JSON's shape, driven by the type. What is zero is there: decoding by schema (decode.ts) drops it where Go
// cannot tell it from absent.
import { DecodeError } from '../engines.ts'
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import { isMessage, type Message, messageOf, schemaProps, wireOf } from './protobuf-layout.ts'
import { LENGTH, VARINT, WireReader } from './protobuf-wire.ts'

type Members = Record<string, unknown>

/** @throws DecodeError for bytes that are no such message */
export function decodeMessage(bytes: Uint8Array, schema: StructSchema): Members {
  return readMessage(new WireReader(bytes), messageOf(schema), {})
}

function readMessage(reader: WireReader, message: Message, members: Members): Members {
  while (!reader.done) {
    const [number, wire] = reader.tag()
    const entry = message.entries.get(number)
    if (entry === undefined) reader.skip(wire)
    else if (isMessage(entry)) {
      expectWire(wire, LENGTH, `${number}`)
      readMessage(reader.message(), entry, members)
    } else readField(reader, wire, entry, members)
  }
  return members
}

const expectWire = (wire: number, wanted: number, name: string): void => {
  if (wire !== wanted) throw new DecodeError(`proto: wrong wireType = ${wire} for field ${name.charAt(0).toUpperCase()}${name.slice(1)}`)
}

function readField(reader: WireReader, wire: number, field: Field, members: Members): void {
  const { name, schema } = field
  if (schema.type === 'list' && !schema.wrapped) {
    members[name] ??= []
    const items = members[name] as unknown[]
    if (wire === LENGTH && wireOf(schema.item) !== LENGTH) {
      for (const packed = reader.message(); !packed.done; ) items.push(readValue(packed, schema.item))
      return
    }
    expectWire(wire, wireOf(schema.item), name)
    items.push(readValue(reader, schema.item))
    return
  }
  expectWire(wire, wireOf(schema), name)
  if (schema.type === 'map') {
    const [key, value] = readEntry(reader.message(), schema.value)
    members[name] ??= {}
    Object.defineProperty(members[name] as Members, key, { value, writable: true, enumerable: true, configurable: true })
  } else if (schema.type === 'struct') members[name] = readMessage(reader.message(), messageOf(schema), (members[name] ?? {}) as Members)
  else members[name] = readValue(reader, schema)
}

function readEntry(reader: WireReader, type: Schema): [string, unknown] {
  let key = ''
  let value: unknown = null
  while (!reader.done) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === LENGTH) key = reader.text()
    else if (number === 2 && wire === wireOf(type)) value = readValue(reader, type)
    else reader.skip(wire)
  }
  return [key, value ?? (type.type === 'string' || type.type === 'bytes' ? '' : null)]
}

function readValue(reader: WireReader, schema: Schema): unknown {
  switch (schema.type) {
    case 'string':
      return reader.text()
    case 'boolean':
      return reader.boolean()
    case 'int32':
    case 'int64':
      return reader.integer()
    case 'double':
      return reader.double()
    case 'bytes':
      return reader.bytes().toString('base64')
    case 'struct':
      return readMessage(reader.message(), messageOf(schema), {})
    case 'list':
      return readItems(reader.message(), schema.item)
    default:
      return readSpecial(schema, numbered(reader.message()))
  }
}

function readItems(reader: WireReader, item: Schema): unknown[] {
  const items: unknown[] = []
  while (!reader.done) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === wireOf(item)) items.push(readValue(reader, item))
    else reader.skip(wire)
  }
  return items
}

/** The fields of a small message: the last integer, or all byte strings, of each number. */
function numbered(reader: WireReader): { integers: Map<number, number>; bytes: Map<number, Buffer[]>; empty: boolean } {
  const integers = new Map<number, number>()
  const bytes = new Map<number, Buffer[]>()
  const empty = reader.done
  while (!reader.done) {
    const [number, wire] = reader.tag()
    if (wire === VARINT) integers.set(number, reader.integer())
    else if (wire === LENGTH) bytes.set(number, [...(bytes.get(number) ?? []), reader.bytes()])
    else reader.skip(wire)
  }
  return { integers, bytes, empty }
}

function readSpecial(schema: Schema, { integers, bytes, empty }: ReturnType<typeof numbered>): unknown {
  const text = (number: number) => bytes.get(number)?.at(-1)?.toString() ?? ''
  switch (schema.type) {
    case 'quantity':
      return text(1) || '0'
    case 'intOrString':
      return integers.get(1) === 1 ? text(3) : (integers.get(2) ?? 0)
    case 'time':
      return empty ? null : new Date((integers.get(1) ?? 0) * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
    case 'microTime': {
      if (empty) return null
      const seconds = new Date((integers.get(1) ?? 0) * 1000).toISOString().slice(0, 19)
      return `${seconds}.${String(Math.floor((integers.get(2) ?? 0) / 1000)).padStart(6, '0')}Z`
    }
    case 'duration':
      return goDuration(integers.get(1) ?? 0)
    case 'raw':
    case 'fieldsV1':
    case 'json':
      return parseRaw(bytes.get(1)?.at(-1))
    case 'schemaOrArray': {
      const [list, one] = [bytes.get(2), bytes.get(1)]
      return list !== undefined ? list.map(decodeSchemaProps) : one === undefined ? null : decodeSchemaProps(one.at(-1)!)
    }
    case 'schemaOrBool': {
      const one = bytes.get(2)?.at(-1)
      return one === undefined ? (integers.get(1) ?? 0) !== 0 : decodeSchemaProps(one)
    }
    case 'schemaOrStrings': {
      const [list, one] = [bytes.get(2), bytes.get(1)]
      return list !== undefined ? list.map(String) : one === undefined ? null : decodeSchemaProps(one.at(-1)!)
    }
    default:
      return undefined
  }
}

const decodeSchemaProps = (bytes: Uint8Array): Members => decodeMessage(bytes, schemaProps())

function parseRaw(raw: Buffer | undefined): unknown {
  if (raw === undefined || raw.length === 0) return null
  try {
    return JSON.parse(raw.toString())
  } catch {
    throw new DecodeError(`a raw value inside the message is no JSON: ${JSON.stringify(raw.toString('utf8', 0, 40))}`)
  }
}

/** Nanoseconds as Go prints a time.Duration: "1h0m0s", "1.5s", "20ms". */
function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s'
  const sign = nanoseconds < 0 ? '-' : ''
  const all = Math.abs(nanoseconds)
  const trim = (value: number, digits: number) => value.toFixed(digits).replace(/\.?0+$/, '')
  if (all < 1e3) return `${sign}${all}ns`
  if (all < 1e6) return `${sign}${trim(all / 1e3, 3)}µs`
  if (all < 1e9) return `${sign}${trim(all / 1e6, 6)}ms`
  const seconds = Math.floor(all / 1e9)
  const rest = `${trim((seconds % 60) + (all % 1e9) / 1e9, 9) || '0'}s`
  if (seconds < 60) return `${sign}${rest}`
  const minutes = Math.floor(seconds / 60)
  return `${sign}${minutes < 60 ? '' : `${Math.floor(minutes / 60)}h`}${minutes % 60}m${rest}`
}
