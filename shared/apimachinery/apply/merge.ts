// Puts a configuration over an object: members and items are merged by the schema, the configuration wins, and lists keep an order
// that agrees with both where it can.
import type { ListSchema, Schema } from '../schema/types.ts'
import { isObject, itemElement, itemsByElement, type Members, memberSchema, shapeOf } from './values.ts'

/** Neither is changed; the answer shares parts with both. */
export function merge(live: object, configuration: object, schema: Schema): object {
  return mergeMembers(live as Members, configuration as Members, schema)
}

function mergeValue(live: unknown, config: unknown, schema: Schema): unknown {
  if (config === undefined) return live
  if (live === undefined) return config
  const shape = shapeOf(schema)
  if ((shape === 'map' || shape === 'deduced') && (isObject(config) || (shape === 'map' && config === null))) {
    const [under, over] = [isObject(live) ? live : {}, isObject(config) ? config : {}]
    return Object.keys(under).length === 0 && Object.keys(over).length === 0 ? config : mergeMembers(under, over, schema)
  }
  if (shape === 'list' && schema.type === 'list' && (Array.isArray(config) || config === null)) {
    const [under, over] = [Array.isArray(live) ? live : [], Array.isArray(config) ? config : []]
    return under.length === 0 && over.length === 0 ? config : mergeItems(under, over, schema)
  }
  return config
}

function mergeMembers(live: Members, config: Members, schema: Schema): Members {
  const merged = new Map(Object.entries(live))
  for (const [name, value] of Object.entries(config)) {
    const member = memberSchema(schema, name)
    merged.set(name, member === undefined ? value : mergeValue(merged.get(name), value, member.schema))
  }
  return Object.fromEntries(merged)
}

/**
 * The configuration's order holds among its own items; items that only the object has stay behind the shared item that they followed:
 *
 *   live a x b, configuration b a c  ->  x b a c        live a x b, configuration a c b  ->  a c x b
 */
function mergeItems(live: readonly unknown[], config: readonly unknown[], schema: ListSchema): unknown[] {
  const elementOf = (item: unknown) => {
    const found = itemElement(schema, item)
    return 'element' in found ? found.element : ''
  }
  const [under, over] = [live.map(elementOf), config.map(elementOf)]
  const byLive = itemsByElement(schema, live)
  const byConfig = itemsByElement(schema, config)
  const single = (items: Map<string, unknown[]>, element: string) => {
    const same = items.get(element)
    return same?.length === 1 ? same[0] : undefined
  }
  const shared = over.filter(element => byLive.has(element))
  const merged: unknown[] = []
  const done = new Set<string>()
  let next = shared.shift()
  const takeConfig = (element: string) => {
    done.add(element)
    merged.push(mergeValue(single(byLive, element), single(byConfig, element), schema.item))
  }

  for (let i = 0, j = 0; i < under.length || j < over.length; ) {
    if (i < under.length && j < over.length) {
      const element = under[i]!
      if (element === over[j]) {
        takeConfig(element)
        i++
        j++
        next = shared.shift()
        continue
      }
      if (byConfig.has(element) && next !== undefined && next !== element) {
        // Shared, but not the one that is due now: it comes where the configuration has it.
        i++
        continue
      }
    }
    if (i < under.length) {
      const element = under[i]!
      if (!byConfig.has(element)) {
        merged.push(live[i])
        i++
        continue
      }
      if (done.has(element)) i++
    }
    if (j < over.length) {
      const element = over[j]!
      takeConfig(element)
      j++
      if (next === element) next = shared.shift()
    }
  }
  return merged
}
