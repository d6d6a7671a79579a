// EventBridge's event patterns. Source of the rules: EventBridge user guide, "Comparison operators for use in event patterns".
import { BlockList, isIP } from 'node:net'
import { AwsError } from '../errors.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type Test = (value: unknown) => boolean

/** Decides about an event. */
export type Pattern = (event: unknown) => boolean

const invalid = (reason: string): AwsError => new AwsError('InvalidEventPatternException', `Event pattern is not valid. Reason: ${reason}`)

/** @throws AwsError InvalidEventPatternException */
export function compilePattern(text: string): Pattern {
  let pattern: Json
  try {
    pattern = JSON.parse(text) as Json
  } catch {
    throw invalid('it is not JSON')
  }
  return compileObject(pattern, '')
}

const isObject = (value: unknown): value is Record<string, Json> => typeof value === 'object' && value !== null && !Array.isArray(value)

function compileObject(pattern: Json, path: string): Pattern {
  if (!isObject(pattern)) throw invalid(`${path || 'the pattern'} must be an object or an array`)
  const names = Object.keys(pattern)
  if (names.length === 0) throw invalid('Empty objects are not allowed')
  const parts = names.map(name =>
    name === '$or' ? compileOr(pattern[name]!, path) : compileMember(name, pattern[name]!, path ? `${path}.${name}` : name),
  )
  return event => parts.every(part => part(event))
}

function compileOr(alternatives: Json, path: string): Pattern {
  if (!Array.isArray(alternatives) || alternatives.length < 2) throw invalid('"$or" must be an array of two or more objects')
  const any = alternatives.map(alternative => compileObject(alternative as Json, path))
  return event => any.some(one => one(event))
}

function compileMember(name: string, pattern: Json, path: string): Pattern {
  if (!Array.isArray(pattern)) {
    const inner = compileObject(pattern, path)
    // An array of objects matches when one of them does.
    return event => {
      const value = isObject(event) ? event[name] : undefined
      return Array.isArray(value) ? value.some(item => inner(item)) : inner(value)
    }
  }
  if (pattern.length === 0) throw invalid(`Empty arrays are not allowed: ${path}`)
  const tests = pattern.map(test => compileTest(test as Json, path))
  return event => {
    const value = isObject(event) && Object.hasOwn(event, name) ? event[name] : undefined
    const values: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [value]
    return tests.some(({ test, absent }) => (value === undefined ? absent : values.some(item => item !== undefined && test(item))))
  }
}

interface Compiled {
  readonly test: Test
  /** Also matches a field that is not there. */
  readonly absent: boolean
}

function compileTest(test: Json, path: string): Compiled {
  if (!isObject(test)) return { test: value => value === test, absent: false }
  const [operator, ...more] = Object.keys(test)
  if (!operator || more.length > 0) throw invalid(`one operator per object: ${path}`)
  const operand = test[operator]!
  if (operator === 'exists') {
    if (typeof operand !== 'boolean') throw invalid(`exists match pattern must be either true or false: ${path}`)
    return { test: () => operand, absent: !operand }
  }
  return { test: compileOperator(operator, operand, path), absent: false }
}

function compileOperator(operator: string, operand: Json, path: string): Test {
  const onText =
    (run: (value: string) => boolean): Test =>
    value =>
      typeof value === 'string' && run(value)
  switch (operator) {
    case 'prefix':
    case 'suffix': {
      const side = operator === 'prefix' ? 'startsWith' : 'endsWith'
      if (isObject(operand)) {
        const text = textOf(operand['equals-ignore-case'], path).toLowerCase()
        return onText(value => value.toLowerCase()[side](text))
      }
      const text = textOf(operand, path)
      return onText(value => value[side](text))
    }
    case 'equals-ignore-case': {
      const text = textOf(operand, path).toLowerCase()
      return onText(value => value.toLowerCase() === text)
    }
    case 'wildcard': {
      const expression = wildcard(textOf(operand, path))
      return onText(value => expression.test(value))
    }
    case 'anything-but':
      return compileAnythingBut(operand, path)
    case 'numeric':
      return compileNumeric(operand, path)
    case 'cidr':
      return compileCidr(textOf(operand, path), path)
    default:
      throw invalid(`Unrecognized match type ${operator}: ${path}`)
  }
}

function compileAnythingBut(operand: Json, path: string): Test {
  if (isObject(operand)) {
    const [operator, value] = Object.entries(operand)[0] ?? []
    if (!operator || value === undefined) throw invalid(`anything-but needs a value: ${path}`)
    const values = Array.isArray(value) ? value : [value]
    const tests = values.map(one => compileOperator(operator, one as Json, path))
    return value => !tests.some(test => test(value))
  }
  const values: readonly unknown[] = Array.isArray(operand) ? operand : [operand]
  return value => !values.includes(value)
}

function compileNumeric(operand: Json, path: string): Test {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0)
    throw invalid(`numeric needs operator and number pairs: ${path}`)
  const tests: ((value: number) => boolean)[] = []
  for (let at = 0; at < operand.length; at += 2) {
    const [operator, limit] = [operand[at], operand[at + 1]]
    if (typeof limit !== 'number') throw invalid(`Value of ${String(operator)} must be numeric: ${path}`)
    if (operator === '=') tests.push(value => value === limit)
    else if (operator === '<') tests.push(value => value < limit)
    else if (operator === '<=') tests.push(value => value <= limit)
    else if (operator === '>') tests.push(value => value > limit)
    else if (operator === '>=') tests.push(value => value >= limit)
    else throw invalid(`Unrecognized numeric range operator: ${String(operator)}`)
  }
  return value => typeof value === 'number' && tests.every(test => test(value))
}

function compileCidr(text: string, path: string): Test {
  const [address = '', bits = ''] = text.split('/')
  const family = isIP(address)
  const list = new BlockList()
  try {
    list.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4')
  } catch {
    throw invalid(`Malformed CIDR: ${path}`)
  }
  return value => typeof value === 'string' && isIP(value) === family && list.check(value, family === 6 ? 'ipv6' : 'ipv4')
}

function wildcard(text: string): RegExp {
  const parts = text.split(/(\\\*|\\\\|\*)/).map(part => {
    if (part === '*') return '.*'
    return (part === '\\*' || part === '\\\\' ? part[1]! : part).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`, 's')
}

function textOf(value: Json | undefined, path: string): string {
  if (typeof value !== 'string') throw invalid(`the operand must be a string: ${path}`)
  return value
}
