// Macros for what rewrite.ts makes of messages, optional entries, and has() of more than a path.
import { type Environment, Optional } from '@marcbachmann/cel-js'

/** What of the interpreter's inner parts a macro is handed. */
export interface Type {
  readonly kind: string
  readonly name: string
  readonly valueType?: Type
  unify(registry: Types, other: Type): Type | null
  matches(other: Type): boolean
}
interface Types {
  getMapType(key: Type, value: Type): Type
  getListType(item: Type): Type
  getOptionalType(value: Type): Type
}
interface Checker {
  readonly registry: Types
  readonly dynType: Type
  readonly boolType: Type
  readonly objectTypes: ReadonlyMap<string, { readonly type: Type; readonly fields?: Readonly<Record<string, Type>> }>
  check(node: Node, context: unknown): Type
  checkAccessOnType(node: Node, context: unknown, type: Type): Type
  formatType(type: Type): string
  createError(code: string, message: string, node: Node): Error
}
interface Evaluator {
  run(node: Node, context: unknown): unknown
  debugType(value: unknown): { fieldLazy(value: unknown, name: string, node: Node, evaluator: Evaluator): unknown }
  createError(code: string, message: string, node: Node): Error
}
export interface Node {
  readonly op: string
  readonly args: unknown
}
interface Macro {
  /** Its answer may be a promise: it may ask for rights. */
  readonly async: true
  typeCheck(checker: Checker, macro: Macro, context: unknown): Type
  evaluate(evaluator: Evaluator, macro: Macro, context: unknown): unknown
}
export type Expand = (call: { readonly args: readonly Node[]; readonly receiver: Node | null }) => Macro

export const macro = (
  typeCheck: (checker: Checker, context: unknown) => Type,
  evaluate: (evaluator: Evaluator, context: unknown) => unknown,
) => ({
  async: true as const,
  typeCheck: (checker: Checker, _: Macro, context: unknown) => typeCheck(checker, context),
  evaluate: (evaluator: Evaluator, _: Macro, context: unknown) => evaluate(evaluator, context),
})

/** A value, and whether it may be missing. */
interface Part {
  readonly node: Node
  readonly isOptional: boolean
}

function partOf(node: Node): Part {
  if (node.op !== 'call') return { node, isOptional: false }
  const [name, args] = node.args as [string, Node[]]
  return name === '__optional__' && args[0] !== undefined ? { node: args[0], isOptional: true } : { node, isOptional: false }
}

/** The type of the value itself. */
function typeOf({ node, isOptional }: Part, checker: Checker, context: unknown, expected = 'dyn'): Type {
  const type = checker.check(node, context)
  if (!isOptional || type.kind === 'dyn') return type
  if (type.kind === 'optional') return type.valueType ?? checker.dynType
  throw checker.createError('type_mismatch', `expected type 'optional_type(${expected})' but found '${checker.formatType(type)}'`, node)
}

const MISSING = Symbol('missing')

function resultOf({ node, isOptional }: Part, evaluator: Evaluator, context: unknown): unknown {
  const unwrap = (value: unknown) => {
    if (!isOptional) return value
    if (!(value instanceof Optional)) throw evaluator.createError('no_such_overload', 'no such overload', node)
    return value.hasValue() ? value.value() : MISSING
  }
  const value = evaluator.run(node, context)
  return value instanceof Promise ? value.then(unwrap) : unwrap(value)
}

const all = <T>(values: readonly unknown[], make: (values: readonly unknown[]) => T): T | Promise<T> =>
  values.some(value => value instanceof Promise) ? Promise.all(values).then(make) : make(values)

/** A type made of its members: Object.spec{replicas: 2}. */
export class Message extends Map<string, unknown> {
  readonly typeName: string
  constructor(typeName: string) {
    super()
    this.typeName = typeName
  }
}

const message =
  (construct: (typeName: string) => Message): Expand =>
  ({ args: [name, members] }) => {
    const typeName = (name as Node).args as string
    const parts = ((members as Node).args as [Node, Node][]).map(([key, value]) => ({ key, name: key.args as string, part: partOf(value) }))
    return macro(
      (checker, context) => {
        const type = checker.objectTypes.get(typeName) ?? (typeName.startsWith('Object.') ? checker.objectTypes.get('Object') : undefined)
        if (type === undefined) throw checker.createError('undeclared_type', typeName, members as Node)
        for (const { key, name: field, part } of parts) {
          const wanted = type.fields === undefined ? checker.dynType : type.fields[field]
          if (wanted === undefined) throw checker.createError('undeclared_member', field, key)
          const found = typeOf(part, checker, context, wanted.name)
          if (found.matches(wanted)) continue
          const detail = `expected type of field '${field}' is '${checker.formatType(wanted)}' but provided type is '${checker.formatType(found)}'`
          throw checker.createError('member_type', detail, key)
        }
        return type.type
      },
      (evaluator, context) =>
        all(
          parts.map(({ part }) => resultOf(part, evaluator, context)),
          values => {
            const made = construct(typeName)
            for (const [i, { name: field }] of parts.entries()) if (values[i] !== MISSING) made.set(field, values[i])
            return made
          },
        ),
    )
  }

const unified = (types: readonly Type[], { registry, dynType }: Checker): Type =>
  types.reduce((one, other) => one.unify(registry, other) ?? dynType)

const map: Expand = ({ args: [literal] }) => {
  const entries = ((literal as Node).args as [Node, Node][]).map(([key, value]) => ({ key, part: partOf(value) }))
  return macro(
    (checker, context) =>
      checker.registry.getMapType(
        unified(
          entries.map(({ key }) => checker.check(key, context)),
          checker,
        ),
        unified(
          entries.map(({ part }) => typeOf(part, checker, context)),
          checker,
        ),
      ),
    (evaluator, context) =>
      all(
        entries.flatMap(({ key, part }) => [evaluator.run(key, context), resultOf(part, evaluator, context)]),
        values => {
          const made = new Map<unknown, unknown>()
          for (let i = 0; i < values.length; i += 2) if (values[i + 1] !== MISSING) made.set(values[i], values[i + 1])
          return made
        },
      ),
  )
}

const list: Expand = ({ args: [literal] }) => {
  const parts = ((literal as Node).args as Node[]).map(partOf)
  return macro(
    (checker, context) =>
      checker.registry.getListType(
        unified(
          parts.map(part => typeOf(part, checker, context)),
          checker,
        ),
      ),
    (evaluator, context) =>
      all(
        parts.map(part => resultOf(part, evaluator, context)),
        values => values.filter(value => value !== MISSING),
      ),
  )
}

const has: Expand = ({ args: [argument] }) => {
  const node = argument as Node
  const [operand, name] = (node.op === '.' ? node.args : []) as [Node?, string?]
  return macro(
    (checker, context) => {
      if (operand === undefined) throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', node)
      const type = checker.check(operand, context)
      checker.checkAccessOnType(node, context, type.kind === 'optional' ? (type.valueType ?? type) : type)
      return checker.boolType
    },
    (evaluator, context) => {
      const isThere = (value: unknown) => {
        const found = evaluator.debugType(value).fieldLazy(value, name as string, node, evaluator)
        return found instanceof Optional ? found.hasValue() : found !== undefined
      }
      const value = evaluator.run(operand as Node, context)
      return value instanceof Promise ? value.then(isThere) : isThere(value)
    },
  )
}

export function registerLiterals(environment: Environment, construct: (typeName: string) => Message = name => new Message(name)): void {
  environment.registerFunction('__message__(ast, ast): dyn', message(construct))
  environment.registerFunction('__map__(ast): dyn', map)
  environment.registerFunction('__list__(ast): dyn', list)
  environment.registerFunction('__has__(ast): bool', has)
}
