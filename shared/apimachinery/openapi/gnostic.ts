// The documents as protobuf (gnostic's messages openapi.v2 and openapi.v3): kubectl up to 1.28 asks for version 2 in no other form.
// Messages are written from tables of field numbers; what has no field is a vendor extension, whose value is YAML text (JSON is that).

import { FIXED64, LENGTH, VARINT, WireWriter } from '../codec/protobuf-wire.ts'
import { member } from '../objects.ts'
import type { Json } from './definitions.ts'

/** Writes a value into a field. */
type Write = (writer: WireWriter, number: number, value: unknown) => void
type Table = Readonly<Record<string, readonly [number: number, write: Write]>>

const nested = (writer: WireWriter, number: number, write: () => void): void => {
  const before = writer.length
  write()
  writer.varint(writer.length - before)
  writer.tag(number, LENGTH)
}

const string: Write = (writer, number, value) => nested(writer, number, () => writer.text(String(value)))
const boolean: Write = (writer, number, value) => {
  writer.varint(value ? 1 : 0)
  writer.tag(number, VARINT)
}
const integer: Write = (writer, number, value) => {
  writer.varint(Number(value))
  writer.tag(number, VARINT)
}
const double: Write = (writer, number, value) => {
  writer.double(Number(value))
  writer.tag(number, FIXED64)
}
/** Any: a value as YAML. */
const any: Write = (writer, number, value) => nested(writer, number, () => string(writer, 2, `${JSON.stringify(value)}\n`))

const many =
  (write: Write): Write =>
  (writer, number, value) => {
    for (const item of (value as unknown[]).toReversed()) write(writer, number, item)
  }

/** A message; `extensions`: the field that takes what the table does not know. */
const message =
  (table: () => Table, extensions?: number): Write =>
  (writer, number, value) =>
    nested(writer, number, () => members(writer, value as Json, table(), extensions))

function members(writer: WireWriter, value: Json, table: Table, extensions: number | undefined): void {
  for (const [name, inner] of Object.entries(value).reverse()) {
    const known = member(table, name)
    if (known !== undefined) known[1](writer, known[0], inner)
    else if (extensions !== undefined && name.startsWith('x-')) named(any)(writer, extensions, { [name]: inner })
  }
}

/** A map as repeated messages of name and value. */
const named =
  (write: Write): Write =>
  (writer, number, value) => {
    for (const [name, member] of Object.entries(value as Json).reverse()) {
      nested(writer, number, () => {
        write(writer, 2, member)
        string(writer, 1, name)
      })
    }
  }

/** A message around one value, which stands in its field 1 (or another). */
const inside =
  (write: Write, field = 1): Write =>
  (writer, number, value) =>
    nested(writer, number, () => write(writer, field, value))

const choose =
  (test: (value: unknown) => boolean, yes: Write, no: Write): Write =>
  (writer, number, value) =>
    (test(value) ? yes : no)(writer, number, value)

const has = (name: string) => (value: unknown) => typeof value === 'object' && value !== null && Object.hasOwn(value, name)
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])

const INFO_V2 = message(() => ({ title: [1, string], version: [2, string], description: [3, string] }))
const INFO_V3 = message(() => ({ title: [1, string], description: [2, string], version: [6, string] }))

// --- version 2 -----------------------------------------------------------------------------------------------------------------

const schema2: Write = message(() => SCHEMA_2, 31)
const SCHEMA_2: Table = {
  $ref: [1, string],
  format: [2, string],
  title: [3, string],
  description: [4, string],
  default: [5, any],
  maximum: [7, double],
  exclusiveMaximum: [8, boolean],
  minimum: [9, double],
  exclusiveMinimum: [10, boolean],
  maxLength: [11, integer],
  minLength: [12, integer],
  pattern: [13, string],
  maxItems: [14, integer],
  minItems: [15, integer],
  uniqueItems: [16, boolean],
  maxProperties: [17, integer],
  minProperties: [18, integer],
  required: [19, many(string)],
  enum: [20, many(any)],
  additionalProperties: [21, choose(value => typeof value === 'boolean', inside(boolean, 2), inside(schema2))],
  type: [22, (writer, number, value) => inside(many(string))(writer, number, list(value))],
  items: [23, (writer, number, value) => inside(many(schema2))(writer, number, list(value))],
  allOf: [24, many(schema2)],
  properties: [25, inside(named(schema2))],
}

const parameter2 = (type: number, unique: number): Table => ({
  required: [1, boolean],
  in: [2, string],
  description: [3, string],
  name: [4, string],
  type: [type, string],
  uniqueItems: [unique, boolean],
})
const bodyParameter = message(() => ({
  description: [1, string],
  name: [2, string],
  in: [3, string],
  required: [4, boolean],
  schema: [5, schema2],
}))
const otherParameter: Write = (writer, number, value) => {
  const isQuery = (value as Json).in === 'query'
  const table = isQuery ? parameter2(6, 20) : parameter2(5, 19)
  nested(writer, number, () => message(() => table)(writer, isQuery ? 3 : 4, value))
}
/** ParametersItem around Parameter, around one of its kinds. */
const parameters2 = many(inside(choose(value => (value as Json).in === 'body', inside(bodyParameter), inside(otherParameter, 2))))

const response2 = inside(message(() => ({ description: [1, string], schema: [2, inside(schema2)] })))
const operation2 = message(
  () => ({
    tags: [1, many(string)],
    description: [3, string],
    operationId: [5, string],
    produces: [6, many(string)],
    consumes: [7, many(string)],
    parameters: [8, parameters2],
    responses: [9, inside(named(response2))],
    schemes: [10, many(string)],
  }),
  13,
)
const path2 = message(() => ({
  get: [2, operation2],
  put: [3, operation2],
  post: [4, operation2],
  delete: [5, operation2],
  patch: [8, operation2],
  parameters: [9, parameters2],
}))

const DOCUMENT_2: Table = {
  swagger: [1, string],
  info: [2, INFO_V2],
  paths: [8, inside(named(path2), 2)],
  definitions: [9, inside(named(schema2))],
  security: [12, many(inside(named(inside(many(string)))))],
  securityDefinitions: [
    13,
    inside(
      named(
        inside(
          message(() => ({ type: [1, string], name: [2, string], in: [3, string], description: [4, string] })),
          2,
        ),
      ),
    ),
  ],
}

export function encodeV2(document: Json): Buffer {
  const writer = new WireWriter()
  members(writer, document, DOCUMENT_2, undefined)
  return writer.finish()
}

// --- version 3 -----------------------------------------------------------------------------------------------------------------

const reference3 = message(() => ({ $ref: [1, string] }))
const schemaMessage3: Write = message(() => SCHEMA_3, 36)
const schema3: Write = choose(has('$ref'), inside(reference3, 2), inside(schemaMessage3))
const default3: Write = (writer, number, value) => {
  if (typeof value === 'number') inside(double)(writer, number, value)
  else if (typeof value === 'boolean') inside(boolean, 2)(writer, number, value)
  else if (typeof value === 'string') inside(string, 3)(writer, number, value)
  // Objects have no form in this message: upstream leaves them out too.
}
const SCHEMA_3: Table = {
  nullable: [1, boolean],
  title: [9, string],
  multipleOf: [10, double],
  maximum: [11, double],
  exclusiveMaximum: [12, boolean],
  minimum: [13, double],
  exclusiveMinimum: [14, boolean],
  maxLength: [15, integer],
  minLength: [16, integer],
  pattern: [17, string],
  maxItems: [18, integer],
  minItems: [19, integer],
  uniqueItems: [20, boolean],
  maxProperties: [21, integer],
  minProperties: [22, integer],
  required: [23, many(string)],
  enum: [24, many(any)],
  type: [25, string],
  allOf: [26, many(schema3)],
  oneOf: [27, many(schema3)],
  anyOf: [28, many(schema3)],
  not: [29, schemaMessage3],
  items: [30, inside(schema3)],
  properties: [31, inside(named(schema3))],
  additionalProperties: [32, choose(value => typeof value === 'boolean', inside(boolean, 2), inside(schema3))],
  default: [33, default3],
  description: [34, string],
  format: [35, string],
}

const media3 = inside(named(message(() => ({ schema: [1, schema3] }))))
const parameters3 = many(
  inside(message(() => ({ name: [1, string], in: [2, string], description: [3, string], required: [4, boolean], schema: [10, schema3] }))),
)
const response3 = inside(message(() => ({ description: [1, string], content: [3, media3] })))
const operation3 = message(
  () => ({
    tags: [1, many(string)],
    description: [3, string],
    operationId: [5, string],
    parameters: [6, parameters3],
    requestBody: [7, inside(message(() => ({ description: [1, string], content: [2, media3], required: [3, boolean] })))],
    responses: [8, inside(named(response3), 2)],
  }),
  13,
)
const path3 = message(() => ({
  get: [4, operation3],
  put: [5, operation3],
  post: [6, operation3],
  delete: [7, operation3],
  patch: [10, operation3],
  parameters: [13, parameters3],
}))
const security3 = inside(message(() => ({ type: [1, string], description: [2, string], name: [3, string], in: [4, string] })))

const DOCUMENT_3: Table = {
  openapi: [1, string],
  info: [2, INFO_V3],
  paths: [4, inside(named(path3))],
  components: [5, message(() => ({ schemas: [1, inside(named(schema3))], securitySchemes: [7, inside(named(security3))] }))],
}

export function encodeV3(document: Json): Buffer {
  const writer = new WireWriter()
  members(writer, document, DOCUMENT_3, undefined)
  return writer.finish()
}
