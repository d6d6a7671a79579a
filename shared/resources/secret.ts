import type { Secret } from '../api/core/v1.ts'
import { forbidden, invalid, required } from '../apimachinery/field-error.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, type Errors, immutable, isConfigMapKey, tooLong } from './validation/checks.ts'
import { keyPairProblem } from './validation/key-pair.ts'

const MAX_BYTES = 1024 * 1024
const ACCOUNT = 'kubernetes.io/service-account.name'

/** What each type of Secret must carry. */
const JSON_KEYS: Readonly<Record<string, string>> = {
  'kubernetes.io/dockercfg': '.dockercfg',
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
}

function defaults(secret: Secret): void {
  secret.type ||= 'Opaque'
  // Text is only a way to write data.
  for (const [key, value] of Object.entries(secret.stringData ?? {}))
    secret.data = { ...secret.data, [key]: Buffer.from(value).toString('base64') }
  delete secret.stringData
}

const decodedLength = (base64: string) => Math.floor((base64.length * 3) / 4) - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)

function validate({ metadata, data = {}, type = '' }: Secret, errors: Errors): void {
  let size = 0
  for (const key in data) {
    addInvalid(isConfigMapKey(key), `data[${key}]`, key, errors)
    size += decodedLength(data[key] ?? '')
  }
  if (size > MAX_BYTES) errors.push(tooLong('data', MAX_BYTES))
  const needs = (key: string) => {
    if (data[key] === undefined) errors.push(required(`data[${key}]`))
  }
  const jsonKey = JSON_KEYS[type]
  if (jsonKey !== undefined) {
    needs(jsonKey)
    if (data[jsonKey] !== undefined) jsonObject(data[jsonKey], `data[${jsonKey}]`, errors)
  } else if (type === 'kubernetes.io/service-account-token') {
    if (!metadata.annotations?.[ACCOUNT]) errors.push(required(`metadata.annotations[${ACCOUNT}]`))
  } else if (type === 'kubernetes.io/basic-auth') {
    if (data.username === undefined && data.password === undefined) errors.push(required('data[username]'), required('data[password]'))
  } else if (type === 'kubernetes.io/ssh-auth') {
    if (!data['ssh-privatekey']) errors.push(required('data[ssh-privatekey]'))
  } else if (type === 'kubernetes.io/tls') {
    needs('tls.crt')
    needs('tls.key')
  }
}

function jsonObject(base64: string, field: string, errors: Errors): void {
  const problem = jsonProblem(Buffer.from(base64, 'base64').toString())
  if (problem !== undefined) errors.push(invalid(field, '<secret contents redacted>', problem))
}

const KINDS: Readonly<Record<string, string>> = { string: 'string', number: 'number', boolean: 'bool' }

function jsonProblem(text: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return goJsonError(text)
  }
  if (value === null || (typeof value === 'object' && !Array.isArray(value))) return undefined
  const kind = Array.isArray(value) ? 'array' : KINDS[typeof value]
  return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`
}

/** How Go's decoder words the most common ways not to be JSON. */
function goJsonError(text: string): string {
  const trimmed = text.trimStart()
  if (trimmed === '') return 'unexpected end of JSON input'
  const first = trimmed[0] as string
  if (!'{["-tfn0123456789'.includes(first)) return `invalid character ${quoted(first)} looking for beginning of value`
  if (first === '{') {
    const second = trimmed.slice(1).trimStart()[0]
    if (second !== undefined && second !== '"' && second !== '}')
      return `invalid character ${quoted(second)} looking for beginning of object key string`
  }
  for (const [word, rest] of [
    ['true', 'true'],
    ['false', 'false'],
    ['null', 'null'],
  ] as const) {
    if (first !== word[0]) continue
    for (let i = 1; i < word.length; i++) {
      const char = trimmed[i]
      if (char === undefined) return 'unexpected end of JSON input'
      if (char !== word[i]) return `invalid character ${quoted(char)} in literal ${rest} (expecting ${quoted(word[i] as string)})`
    }
  }
  return 'unexpected end of JSON input'
}

const quoted = (char: string) => (char === "'" ? "'\\''" : char === '"' ? "'\"'" : `'${char}'`)

export default defineResource<Secret>({
  group: '',
  resource: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  namespaced: true,
  metadataOnUpdate: 'both',
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Secret', defaults: object => defaults(object as Secret) }],
  prepareForUpdate(secret, old) {
    secret.type ||= old.type
  },
  validate: secret => collect(errors => validate(secret, errors)),
  validateUpdate: (secret, old) =>
    collect(errors => {
      immutable(secret.type, old.type, 'type', errors)
      if (old.immutable) {
        if (!secret.immutable) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'))
        if (!equal(secret.data, old.data)) errors.push(forbidden('data', 'field is immutable when `immutable` is set'))
      }
      validate(secret, errors)
    }),
  warnings: ({ type, data }) => {
    if (type !== 'kubernetes.io/tls') return []
    const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString()
    const problem = keyPairProblem(text('tls.crt'), text('tls.key'))
    return problem === undefined ? [] : [problem]
  },
  columns: columns('Name, Type, Data, Age'),
  cells: (secret, now) => [secret.metadata.name, secret.type ?? '', Object.keys(secret.data ?? {}).length, age(secret, now)],
  selectableFields: { type: ({ type }) => type ?? '' },
})
