// Optional values: ofNonZeroValue, optMap and optFlatMap (cel-go's optional library).
import { type Environment, Optional } from '@marcbachmann/cel-js'
import { type Expand, macro, type Node, type Type } from './literals.ts'

/** What the interpreter binds a variable in. */
interface Scope {
  forkWithVariable(name: string, type: Type): Bound
}
interface Bound {
  async?: boolean
  reuse(parent: unknown): Bound
  setIterValue(value: unknown, evaluator: unknown): Bound
}

const isZero = (value: unknown): boolean => {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  if (value instanceof Map || value instanceof Set) return value.size === 0
  return typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0
}

/** x.optMap(v, f(v)): nothing where x is nothing. `isFlat`: f answers an optional value itself. */
const mapping =
  (isFlat: boolean): Expand =>
  ({ receiver, args: [variable, transform] }) => {
    const [source, step] = [receiver as Node, transform as Node]
    let bound: Bound | undefined
    return macro(
      (checker, context) => {
        const type = checker.check(source, context)
        bound = (context as Scope).forkWithVariable(
          (variable as Node).args as string,
          type.kind === 'optional' ? (type.valueType ?? type) : checker.dynType,
        )
        const made = checker.check(step, bound)
        return isFlat ? made : checker.registry.getOptionalType(made)
      },
      (evaluator, context) => {
        const wrap = (value: unknown) => (isFlat ? value : Optional.of(value))
        const map = (value: unknown): unknown => {
          if (!(value instanceof Optional)) throw evaluator.createError('no_such_overload', 'no such overload', source)
          if (!value.hasValue()) return value
          const scope = (bound as Bound).reuse(context).setIterValue(value.value(), evaluator)
          const made = evaluator.run(step, scope)
          if (!(made instanceof Promise)) return wrap(made)
          if (scope === bound) bound.async = true
          return made.then(wrap)
        }
        const value = evaluator.run(source, context)
        return value instanceof Promise ? value.then(map) : map(value)
      },
    )
  }

export function registerOptionals(environment: Environment): void {
  environment.registerFunction('OptionalNamespace.ofNonZeroValue(A): optional<A>', (_: unknown, value: unknown) =>
    isZero(value) ? Optional.none() : Optional.of(value),
  )
  environment.registerFunction('optional.optMap(ast, ast): optional<dyn>', mapping(false))
  environment.registerFunction('optional.optFlatMap(ast, ast): optional<dyn>', mapping(true))
}
