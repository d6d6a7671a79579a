// Kubernetes objects as protobuf: the message of each type, driven by its schema. As in Go, what is no pointer is written even when it
// is zero, and zero means absent when it is read back; decoding by schema (decode.ts) takes care of the latter.
import { DecodeError } from '../engines.ts'
import { schemaOf } from '../schema/schemas.ts'
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import { FIXED64, LENGTH, VARINT, WireReader, WireWriter } from './protobuf-wire.ts'

type Members = Record<string, unknown>

/** A message: its fields by number. Some hold another message whose fields JSON shows at this level. */
interface Message {
  readonly entries: ReadonlyMap<number, Field | Message>
  readonly descending: readonly (readonly [number, Field | Message])[]
}

const messages = new WeakMap<ReadonlyMap<string, Field>, Message>()

const isMessage = (entry: Field | Message): entry is Message => 'descending' in entry

function messageOf(schema: StructSchema): Message {
  const known = messages.get(schema.fields)
  if (known !== undefined) return known
  const message = layOut([...schema.fields.values()].map(field => [field.numbers, field]))
  messages.set(schema.fields, message)
  return message
}

function layOut(fields: readonly (readonly [numbers: readonly number[], field: Field])[]): Message {
  const inner = new Map<number, [readonly number[], Field][]>()
  const entries = new Map<number, Field | Message>()
  for (const [[first, ...rest], field] of fields) {
    if (first === undefined) continue
    if (rest.length === 0) entries.set(first, field)
    else inner.set(first, [...(inner.get(first) ?? []), [rest, field]])
  }
  for (const [number, members] of inner) entries.set(number, layOut(members))
  return { entries, descending: [...entries].sort(([a], [b]) => b - a) }
}

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

function wireOf(schema: Schema): number {
  switch (schema.type) {
    case 'boolean':
    case 'int32':
    case 'int64':
      return VARINT
    case 'double':
      return FIXED64
    default:
      return LENGTH
  }
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

const schemaProps = () => schemaOf('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps')
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

const UNITS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 }

function durationNanoseconds(text: string): number {
  let sum = 0
  for (const [, number, unit] of text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g)) sum += Number(number) * UNITS[unit!]!
  return text.startsWith('-') ? -sum : sum
}

/** The object as its message. */
export function encodeMessage(object: object, schema: StructSchema): Buffer {
  const writer = new WireWriter()
  writeMessage(writer, object as Members, messageOf(schema))
  return writer.finish()
}

function writeMessage(writer: WireWriter, members: Members, message: Message): void {
  for (const [number, entry] of message.descending) {
    if (isMessage(entry)) {
      const before = writer.length
      writeMessage(writer, members, entry)
      close(writer, number, before)
    } else writeField(writer, number, entry, members[entry.name])
  }
}

function close(writer: WireWriter, number: number, before: number): void {
  writer.varint(writer.length - before)
  writer.tag(number, LENGTH)
}

function writeField(writer: WireWriter, number: number, field: Field, value: unknown): void {
  const { schema } = field
  if (schema.type === 'list' && !schema.wrapped) {
    const items = (value ?? []) as unknown[]
    for (let index = items.length - 1; index >= 0; index--) writeValue(writer, number, schema.item, items[index])
  } else if (schema.type === 'map') {
    const map = (value ?? {}) as Members
    for (const key of Object.keys(map).sort(compareBytes).reverse()) {
      const before = writer.length
      writeValue(writer, 2, schema.value, map[key])
      writeText(writer, 1, key)
      close(writer, number, before)
    }
  } else if (value === undefined || value === null) {
    if (!field.pointer && schema.type !== 'bytes' && schema.type !== 'list') writeValue(writer, number, schema, undefined)
  } else writeValue(writer, number, schema, value)
}

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** `value` undefined: the zero value. */
function writeValue(writer: WireWriter, number: number, schema: Schema, value: unknown): void {
  const wire = wireOf(schema)
  if (wire === LENGTH) {
    const before = writer.length
    writeContent(writer, schema, value)
    close(writer, number, before)
    return
  }
  if (wire === FIXED64) writer.double((value as number | undefined) ?? 0)
  else writer.varint(Number(value ?? 0))
  writer.tag(number, wire)
}

function writeContent(writer: WireWriter, schema: Schema, value: unknown): void {
  switch (schema.type) {
    case 'string':
      writer.text((value as string | undefined) ?? '')
      break
    case 'bytes':
      writer.bytes(Buffer.from((value as string | undefined) ?? '', 'base64'))
      break
    case 'struct':
      writeMessage(writer, (value ?? {}) as Members, messageOf(schema))
      break
    case 'list':
      for (const one of ((value ?? []) as unknown[]).toReversed()) writeValue(writer, 1, schema.item, one)
      break
    case 'quantity':
      writeText(writer, 1, String(value ?? '0'))
      break
    case 'intOrString': {
      writeText(writer, 3, typeof value === 'string' ? value : '')
      writeInteger(writer, 2, typeof value === 'number' ? value : 0)
      writeInteger(writer, 1, typeof value === 'string' ? 1 : 0)
      break
    }
    case 'time':
    case 'microTime': {
      if (typeof value !== 'string') break
      writeInteger(writer, 2, schema.type === 'time' ? 0 : Number((/\.(\d{1,9})/.exec(value)?.[1] ?? '0').padEnd(9, '0')))
      writeInteger(writer, 1, Math.floor(Date.parse(value) / 1000))
      break
    }
    case 'duration':
      writeInteger(writer, 1, durationNanoseconds((value as string | undefined) ?? '0s'))
      break
    case 'raw':
    case 'fieldsV1':
    case 'json':
      if (value !== undefined && value !== null) writeText(writer, 1, JSON.stringify(value))
      break
    case 'schemaOrArray':
      if (Array.isArray(value)) for (const one of value.toReversed()) writeValue(writer, 2, schemaProps(), one)
      else if (value) writeValue(writer, 1, schemaProps(), value)
      break
    case 'schemaOrBool':
      if (typeof value === 'object' && value !== null) writeValue(writer, 2, schemaProps(), value)
      writeInteger(writer, 1, value ? 1 : 0)
      break
    case 'schemaOrStrings':
      if (Array.isArray(value)) for (const one of value.toReversed()) writeText(writer, 2, String(one))
      else if (value) writeValue(writer, 1, schemaProps(), value)
      break
    default:
  }
}

function writeText(writer: WireWriter, number: number, text: string): void {
  const before = writer.length
  writer.text(text)
  close(writer, number, before)
}

function writeInteger(writer: WireWriter, number: number, value: number): void {
  writer.varint(value)
  writer.tag(number, VARINT)
}
