// What the rules of a schema may cost: each of them, and all together (apiextensions-apiserver/pkg/apis/apiextensions/validation).
import { plus, times } from '../../apimachinery/cel/cost/amounts.ts'
import { maxCardinality, type SizedType } from '../../apimachinery/cel/cost/sized-type.ts'
import { type FieldError, forbidden } from '../../apimachinery/field-error.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'

const MOST_EACH = 10_000_000
const MOST_TOGETHER = 100_000_000
/** So many of the most expensive rules are named, if they matter at all. */
const NAMED = 4
const MATTERS = MOST_TOGETHER / 100

/** How often values of a schema can stand in an object; undefined where nothing above limits it. */
export type Cardinality = number | undefined

const bounded = (limit: unknown): Cardinality => (typeof limit === 'number' ? Math.max(0, limit) : undefined)

/** The same for what is below. */
export function cardinalityBelow(cardinality: Cardinality, schema: JsonSchema): Cardinality {
  const isMap = schema.type === 'object' && schema.additionalProperties !== undefined
  const factor = isMap ? bounded(schema.maxProperties) : schema.type === 'array' ? bounded(schema.maxItems) : 1
  return cardinality === undefined || factor === undefined ? undefined : times(cardinality, factor)
}

function exceeded(what: string, cost: number, limit: number): string {
  const factor = cost / limit
  const text = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`
  return `${what} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}

export class RuleBudget {
  #total = 0
  readonly #expensive: { readonly field: string; readonly cost: number }[] = []

  /** Of a rule on values of the type. */
  rule(field: string, cost: number, type: SizedType, cardinality: Cardinality): FieldError[] {
    return this.#spend(field, times(cost, cardinality ?? maxCardinality(type)), 'estimated rule cost')
  }

  /** Of a message, which is made once. */
  message(field: string, cost: number): FieldError[] {
    return this.#spend(field, cost, 'estimated messageExpression cost')
  }

  #spend(field: string, cost: number, what: string): FieldError[] {
    this.#total = plus(this.#total, cost)
    if (cost >= MATTERS) this.#expensive.push({ field, cost })
    return cost > MOST_EACH ? [forbidden(field, exceeded(what, cost, MOST_EACH))] : []
  }

  /** Of all together. `field`: the schema. */
  errors(field: string): FieldError[] {
    if (this.#total <= MOST_TOGETHER) return []
    const most = this.#expensive.sort((a, b) => b.cost - a.cost).slice(0, NAMED)
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
    return [
      ...most.map(rule =>
        forbidden(rule.field, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'),
      ),
      forbidden(field, exceeded(what, this.#total, MOST_TOGETHER)),
    ]
  }
}
