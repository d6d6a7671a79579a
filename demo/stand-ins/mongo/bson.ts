// BSON as far as commands and their answers need it: numbers, texts, booleans, null, arrays and documents.
export type Value = number | string | boolean | null | readonly Value[] | Document
export interface Document {
  readonly [name: string]: Value | undefined
}

const DOUBLE = 1
const TEXT = 2
const DOCUMENT = 3
const ARRAY = 4
const BOOLEAN = 8
const NULL = 10
const INT32 = 16

const cstring = (text: string) => Buffer.from(`${text}\0`)
function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}
function double(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeDoubleLE(value)
  return buffer
}

export function encode(document: Document | readonly Value[]): Buffer {
  const elements = Object.entries(document).flatMap(([name, value]) => {
    if (value === undefined) return []
    const [type, content] = element(value)
    return [Buffer.from([type]), cstring(name), content]
  })
  const content = Buffer.concat([...elements, Buffer.alloc(1)])
  return Buffer.concat([int32(content.length + 4), content])
}

function element(value: Value): [type: number, content: Buffer] {
  if (value === null) return [NULL, Buffer.alloc(0)]
  if (typeof value === 'boolean') return [BOOLEAN, Buffer.from([value ? 1 : 0])]
  if (typeof value === 'number') return (value | 0) === value ? [INT32, int32(value)] : [DOUBLE, double(value)]
  if (typeof value === 'string') return [TEXT, Buffer.concat([int32(Buffer.byteLength(value) + 1), cstring(value)])]
  return [Array.isArray(value) ? ARRAY : DOCUMENT, encode(value)]
}

/** @throws at a type that is not among these. */
export function decode(buffer: Buffer): Document {
  const document: Record<string, Value> = {}
  for (let at = 4; buffer[at] !== 0; ) {
    const type = buffer[at]!
    const nameEnd = buffer.indexOf(0, at + 1)
    const name = buffer.toString('utf8', at + 1, nameEnd)
    const [value, length] = read(type, buffer.subarray(nameEnd + 1))
    document[name] = value
    at = nameEnd + 1 + length
  }
  return document
}

function read(type: number, buffer: Buffer): [value: Value, length: number] {
  switch (type) {
    case DOUBLE:
      return [buffer.readDoubleLE(), 8]
    case TEXT: {
      const length = buffer.readInt32LE()
      return [buffer.toString('utf8', 4, 3 + length), 4 + length]
    }
    case DOCUMENT:
    case ARRAY: {
      const length = buffer.readInt32LE()
      const document = decode(buffer.subarray(0, length))
      return [type === ARRAY ? Object.values(document).map(value => value ?? null) : document, length]
    }
    case BOOLEAN:
      return [buffer[0] === 1, 1]
    case NULL:
      return [null, 0]
    case INT32:
      return [buffer.readInt32LE(), 4]
    default:
      throw new Error(`BSON type ${type} is not known here`)
  }
}
