// Protobuf on the wire: four bytes that say so, then runtime.Unknown with the object's type and its message inside.
import { DecodeError } from '../engines.ts'
import { findKind, findSchema } from '../schema/schemas.ts'
import { decodeMessage } from './protobuf-decode.ts'
import { encodeMessage } from './protobuf-encode.ts'
import { LENGTH, WireReader, WireWriter } from './protobuf-wire.ts'

const MAGIC = Buffer.from('k8s\0')

/** The type that a body without one is read as. */
export interface ExpectedType {
  readonly apiVersion: string
  readonly kind: string
  readonly schema: string
}

/** The object in JSON's shape; of a type that is not known, only its apiVersion and kind. @throws DecodeError */
export function decodeEnvelope(bytes: Uint8Array, expected?: ExpectedType): Record<string, unknown> {
  if (bytes.length === 0) throw new DecodeError('empty data')
  if (!MAGIC.equals(bytes.subarray(0, 4))) {
    throw new DecodeError(`provided data does not appear to be a protobuf message, expected prefix [${[...MAGIC].join(' ')}]`)
  }
  if (bytes.length === 4) throw new DecodeError('empty body')
  let raw: Uint8Array | undefined
  let said: { apiVersion: string; kind: string } = { apiVersion: '', kind: '' }
  for (const reader = new WireReader(bytes, 4); !reader.done; ) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === LENGTH) said = readTypeMeta(reader.message())
    else if (number === 2 && wire === LENGTH) raw = reader.bytes()
    else reader.skip(wire)
  }
  const apiVersion = said.apiVersion || (expected?.apiVersion ?? '')
  const kind = said.kind || (expected?.kind ?? '')
  const schema =
    expected !== undefined && apiVersion === expected.apiVersion && kind === expected.kind
      ? findSchema(expected.schema)
      : findKind(apiVersion, kind)
  return { kind, apiVersion, ...(schema === undefined || raw === undefined ? {} : decodeMessage(raw, schema)) }
}

function readTypeMeta(reader: WireReader): { apiVersion: string; kind: string } {
  const type = { apiVersion: '', kind: '' }
  while (!reader.done) {
    const [number, wire] = reader.tag()
    if (number === 1 && wire === LENGTH) type.apiVersion = reader.text()
    else if (number === 2 && wire === LENGTH) type.kind = reader.text()
    else reader.skip(wire)
  }
  return type
}

/** Whether objects of this type have a protobuf form; custom resources and Tables have none. */
export const hasProtobuf = (apiVersion: string, kind: string): boolean => protobufSchema(apiVersion, kind) !== undefined

function protobufSchema(apiVersion: string, kind: string) {
  // The oldest documents (APIVersions) do not say that they are v1.
  const schema = findKind(apiVersion || 'v1', kind)
  if (schema === undefined) return undefined
  for (const { numbers } of schema.fields.values()) if (numbers.length > 0) return schema
  return undefined
}

/** @throws Error for a type without a protobuf form (see hasProtobuf) */
export function encodeEnvelope(object: { apiVersion?: string; kind?: string }): Buffer {
  const { apiVersion = '', kind = '' } = object
  const schema = protobufSchema(apiVersion, kind)
  if (schema === undefined) throw new Error(`${apiVersion} ${kind} has no protobuf form`)
  return wrap(apiVersion, kind, encodeMessage(object, schema))
}

function wrap(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const writer = new WireWriter()
  const field = (number: number, write: () => void) => {
    const before = writer.length
    write()
    writer.varint(writer.length - before)
    writer.tag(number, LENGTH)
  }
  // contentType and contentEncoding, which Go writes although they are empty.
  field(4, () => {})
  field(3, () => {})
  field(2, () => writer.bytes(raw))
  field(1, () => {
    field(2, () => writer.text(kind))
    field(1, () => writer.text(apiVersion))
  })
  writer.bytes(MAGIC)
  return writer.finish()
}

/** One event of a protobuf watch: four bytes of length, then a WatchEvent around the object's envelope. */
export function encodeWatchFrame(type: string, object: { apiVersion?: string; kind?: string }): Buffer {
  const writer = new WireWriter()
  const inner = encodeEnvelope(object)
  const field = (number: number, write: () => void) => {
    const before = writer.length
    write()
    writer.varint(writer.length - before)
    writer.tag(number, LENGTH)
  }
  field(2, () => field(1, () => writer.bytes(inner)))
  field(1, () => writer.text(type))
  const event = writer.finish()
  const frame = Buffer.allocUnsafe(event.length + 4)
  frame.writeUInt32BE(event.length)
  event.copy(frame, 4)
  return frame
}
