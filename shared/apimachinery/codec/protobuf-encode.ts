// Plain data to messages, driven by the type. As in Go, what is no pointer is written even when it is zero.
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import { isMessage, type Message, messageOf, schemaProps, wireOf } from './protobuf-layout.ts'
import { FIXED64, LENGTH, VARINT, WireWriter } from './protobuf-wire.ts'

type Members = Record<string, unknown>

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
