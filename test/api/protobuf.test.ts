// Every kind and version, as Go encodes it, both ways (the pairs in test/golden/wire), and the bodies that client-go sends.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeValue } from '../../shared/apimachinery/codec/decode.ts'
import { decodeEnvelope, encodeEnvelope, encodeWatchFrame } from '../../shared/apimachinery/codec/envelope.ts'
import { decodeMessage } from '../../shared/apimachinery/codec/protobuf-decode.ts'
import { encodeMessage } from '../../shared/apimachinery/codec/protobuf-encode.ts'
import { findKind, schemaOf } from '../../shared/apimachinery/schema/schemas.ts'

const golden = join(import.meta.dirname, '../golden')
const wire = join(golden, 'wire')
const kinds = readdirSync(wire)
  .filter(file => file.endsWith('.json'))
  .map(file => file.slice(0, -'.json'.length))

describe('protobuf', () => {
  it.each(kinds.filter(kind => !kind.endsWith('.WatchEvent')))('%s', kind => {
    const json = JSON.parse(readFileSync(join(wire, `${kind}.json`), 'utf8'))
    const bytes = readFileSync(join(wire, `${kind}.pb`))
    const schema = findKind(json.apiVersion, json.kind)!
    expect(decodeValue(decodeEnvelope(bytes), schema).object).toEqual(json)
    expect(decodeValue(structuredClone(json), schema)).toEqual({ object: json, unknown: [], warnings: [] })
    expect(encodeEnvelope(json)).toEqual(bytes)
  })

  it('reads a body without a type as the one expected', () => {
    const json = JSON.parse(readFileSync(join(wire, 'core.v1.WatchEvent.json'), 'utf8'))
    const expected = { apiVersion: 'v1', kind: 'WatchEvent', schema: 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent' }
    expect(decodeEnvelope(readFileSync(join(wire, 'core.v1.WatchEvent.pb')), expected)).toMatchObject(json)
  })

  const { bodies } = JSON.parse(readFileSync(join(golden, 'client-go-bodies.json'), 'utf8'))
  it.each(Object.entries<{ base64: string; json: Record<string, unknown> }>(bodies))('%s as client-go sends it', (_, { base64, json }) => {
    const bytes = Buffer.from(base64, 'base64')
    const schema = findKind(json.apiVersion as string, json.kind as string)!
    const object = decodeValue(structuredClone(json), schema).object
    expect(decodeValue(decodeEnvelope(bytes), schema).object).toEqual(object)
    expect(decodeValue(decodeEnvelope(encodeEnvelope(object)), schema).object).toEqual(object)
  })

  it('carries the schema of a custom resource through the either-or types', () => {
    const schema = schemaOf('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps')
    const value = {
      type: 'object',
      properties: {
        open: { type: 'object', additionalProperties: true },
        closed: { type: 'object', additionalProperties: { type: 'string' } },
        list: { type: 'array', items: { type: 'integer', default: 3, enum: [1, 2, 3] } },
      },
    }
    expect(decodeMessage(encodeMessage(value, schema), schema)).toMatchObject(value)
  })

  it('refuses a message that is cut short, wherever it is cut', () => {
    const bytes = readFileSync(join(wire, 'core.v1.ConfigMap.pb'))
    const whole = JSON.stringify(decodeEnvelope(bytes))
    for (let length = 0; length < bytes.length; length++) {
      let read: unknown
      try {
        read = decodeEnvelope(bytes.subarray(0, length))
      } catch {
        continue
      }
      // The envelope's last two fields are empty: without them it is still whole. Before the message, there is nothing to read.
      expect(JSON.stringify(read) === whole || Object.keys(read as object).length === 2, `cut at ${length}`).toBe(true)
    }
  })

  it('does not take a field of another type for its own', () => {
    const schema = findKind('v1', 'ConfigMap')!
    expect(() => decodeMessage(Buffer.from([0x08, 0x01]), schema)).toThrow('proto: wrong wireType = 0 for field Metadata')
    expect(decodeMessage(Buffer.from([0xf8, 0x07, 0x01]), schema)).toEqual({})
  })

  it('frames watch events with their length', () => {
    const frame = encodeWatchFrame('ADDED', { apiVersion: 'v1', kind: 'ConfigMap' })
    expect(frame.readUInt32BE()).toBe(frame.length - 4)
    expect(frame.includes('k8s\0')).toBe(true)
  })
})
