// YAML bodies, read as sigs.k8s.io/yaml reads them: YAML 1.1's booleans (y, no, on ...), Go's numbers, no dates, keys become text.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseAllDocuments, type ScalarTag } from 'yaml'
import { DecodeError } from '../engines.ts'

export { writeYaml } from './yaml-write.ts'

export interface YamlText {
  readonly value: unknown
  /** One text for all keys that stand twice, as upstream's strict reader says it; empty when there is none. */
  readonly duplicates: readonly string[]
}

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const NULL = new Set(['', '~', 'null', 'Null', 'NULL'])
const INTEGER = /^[-+]?(?:0|[1-9][\d_]*|0[0-7_]+|0o[0-7_]+|0x[\da-fA-F_]+|0b[01_]+)$/
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
const INFINITE = /^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/

/** What a plain scalar means. */
function plain(text: string): unknown {
  if (NULL.has(text)) return null
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  if (INTEGER.test(text)) return integer(text.replaceAll('_', ''))
  if (FLOAT.test(text)) return Number(text)
  if (INFINITE.test(text)) throw new DecodeError(`error converting YAML to JSON: json: unsupported value: ${text}`)
  return text
}

function integer(text: string): number {
  const negative = text.startsWith('-')
  const digits = text.replace(/^[-+]/, '')
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
  return negative ? -value : value
}

/** Everything stays text while the document is read; what it means is decided here, once. */
const TEXT: ScalarTag = { tag: 'tag:yaml.org,2002:str', default: true, resolve: text => text }

/** @throws DecodeError */
export function parseYaml(text: string): YamlText {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    version: '1.1',
    schema: 'failsafe',
    customTags: tags => [TEXT, ...tags],
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: 'silent',
    strict: false,
  })
  const document = 'empty' in documents ? undefined : documents[0]
  if (document === undefined) return { value: null, duplicates: [] }
  const fault = document.errors[0]
  if (fault)
    throw new DecodeError(`error converting YAML to JSON: yaml: line ${fault.linePos?.[0].line ?? 1}: ${fault.message.split('\n')[0]}`)

  const twice: string[] = []
  const open = new Set<Node>()
  let nodes = 0

  const convert = (node: Node | null): unknown => {
    if (node === null) return null
    if (++nodes > 1_000_000) throw new DecodeError('error converting YAML to JSON: yaml: document contains excessive aliasing')
    if (isAlias(node)) {
      const target = node.resolve(document)
      if (target === undefined) throw new DecodeError(`error converting YAML to JSON: yaml: unknown anchor '${node.source}' referenced`)
      if (open.has(target)) throw new DecodeError(`error converting YAML to JSON: yaml: anchor '${node.source}' value contains itself`)
      return convert(target)
    }
    if (isScalar(node)) return scalar(node)
    open.add(node)
    const value = isSeq(node)
      ? node.items.map(item => convert(item as Node | null))
      : isMap(node)
        ? mapping(node.items as Pair<Node, Node | null>[])
        : null
    open.delete(node)
    return value
  }

  const scalar = (node: { value: unknown; type?: string; tag?: string }): unknown => {
    if (typeof node.value !== 'string') return node.value ?? null
    if (node.tag === 'tag:yaml.org,2002:binary') return Buffer.from(node.value, 'base64').toString()
    return node.type === 'PLAIN' && node.tag === undefined ? plain(node.value) : node.value
  }

  const mapping = (pairs: Pair<Node, Node | null>[]): Record<string, unknown> => {
    const own: Record<string, unknown> = {}
    let merged: Record<string, unknown> | undefined
    for (const pair of pairs) {
      if (isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === 'PLAIN') {
        const sources = convert(pair.value)
        // The first of several wins, and all of them yield to what the mapping says itself.
        for (const source of Array.isArray(sources) ? sources : [sources]) merged = { ...(source as object), ...merged }
        continue
      }
      const key = keyText(convert(pair.key))
      if (Object.hasOwn(own, key)) {
        const line = pair.key?.range ? lines.linePos(pair.key.range[0]).line : 0
        twice.push(`  line ${line}: key ${JSON.stringify(key)} already set in map`)
      }
      Object.defineProperty(own, key, { value: convert(pair.value), writable: true, enumerable: true, configurable: true })
    }
    return merged ? { ...merged, ...own } : own
  }

  const value = convert(document.contents as Node | null)
  return { value, duplicates: twice.length === 0 ? [] : [`yaml: unmarshal errors:\n${twice.join('\n')}`] }
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return key
  if (typeof key === 'number' || typeof key === 'boolean') return String(key)
  throw new DecodeError(`error converting YAML to JSON: unsupported map key of type: ${key === null ? 'null' : 'map'}`)
}
