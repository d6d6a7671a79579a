// What expressions make patches of: Object{...} with types named after the path of a member, JSONPatch{op, path, from, value}, and
// jsonpatch.escapeKey (k8s.io/apiserver/pkg/cel/mutation, k8s.io/apiserver/pkg/cel/library/jsonpatch.go).
import type { Environment } from '@marcbachmann/cel-js'
import { sameValue } from './lists.ts'
import { Message } from './literals.ts'

/** Part of an object, as an apply configuration has it. */
export class ObjectMessage extends Message {}

/** One operation of a JSON patch. */
export class JsonPatchMessage extends Message {}

export const constructPatchType = (typeName: string): Message =>
  typeName === 'JSONPatch' ? new JsonPatchMessage(typeName) : new ObjectMessage(typeName)

class JsonPatchFunctions {}

/** `types`: those that an expression names ("Object.spec"), so that its type can be told by name. */
export function registerPatchTypes(environment: Environment, types: Iterable<string> = []): void {
  const fields = { op: 'string', path: 'string', from: 'string', value: 'dyn' }
  environment.registerType('JSONPatch', { ctor: JsonPatchMessage, fields })
  const objects = [...types].filter(name => name.startsWith('Object.'))
  // The last one is what a value's class stands for.
  for (const name of [...objects, 'Object']) environment.registerType({ name, ctor: ObjectMessage })
  for (const name of [...objects, 'Object', 'JSONPatch']) environment.registerOperator(`${name} == ${name}`, sameMessage)
  environment.registerType('JSONPatchFunctions', JsonPatchFunctions)
  environment.registerConstant('jsonpatch', 'JSONPatchFunctions', new JsonPatchFunctions())
  environment.registerFunction('JSONPatchFunctions.escapeKey(string): string', (_: JsonPatchFunctions, key: string) =>
    key.replaceAll('~', '~0').replaceAll('/', '~1'),
  )
}

const sameMessage = (a: Message, b: Message): boolean => a.typeName === b.typeName && sameValue(a, b)
