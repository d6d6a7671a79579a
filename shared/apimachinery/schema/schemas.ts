// Every type that the server knows, by name: the built-in ones are read from generated.ts when they are first asked for, those of
// custom resources are added and taken away as their definitions come and go.
import { MODULES as UPSTREAM } from './generated.ts'
import { LEGACY_MODULES } from './legacy.ts'
import { Definition } from './notation.ts'
import { OWN_MODULES } from './own.ts'
import type { StructSchema } from './types.ts'

/** The built-in types, by group and version: Kubernetes' and our own. */
export const MODULES: Readonly<Record<string, string>> = { ...UPSTREAM, ...LEGACY_MODULES, ...OWN_MODULES }

const PREFIXES: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.',
  metrics: 'io.k8s.metrics.pkg.apis.',
  external_metrics: 'io.k8s.metrics.pkg.apis.',
  zeroplane: 'dev.',
}

/** One group version: its definitions' lines, and those already read. */
class Module {
  readonly groupVersion: string
  readonly #name: string
  readonly #lines = new Map<string, string>()
  readonly #definitions = new Map<string, Definition>()

  constructor(name: string, text: string) {
    this.#name = name
    const [groupVersion, ...lines] = text.split('\n')
    this.groupVersion = groupVersion!
    for (const line of lines) this.#lines.set(/^\w+/.exec(line)![0], line)
  }

  find(name: string): Definition | undefined {
    const known = this.#definitions.get(name)
    if (known !== undefined) return known
    const line = this.#lines.get(name)
    if (line === undefined) return undefined
    const definition = new Definition(line, this.#name, fullName(this.#name, name), resolve)
    this.#definitions.set(name, definition)
    return definition
  }

  names(): Iterable<string> {
    return this.#lines.keys()
  }
}

const modules = new Map<string, Module>()
const byGroupVersion = new Map<string, string[]>()
const custom = new Map<string, StructSchema>()

for (const [name, text] of Object.entries(MODULES)) {
  const groupVersion = text.slice(0, text.indexOf('\n'))
  const same = byGroupVersion.get(groupVersion)
  if (same === undefined) byGroupVersion.set(groupVersion, [name])
  else same.push(name)
}

function openModule(name: string): Module | undefined {
  const known = modules.get(name)
  if (known !== undefined) return known
  const text = MODULES[name]
  if (text === undefined) return undefined
  const module = new Module(name, text)
  modules.set(name, module)
  return module
}

const resolve = (module: string, name: string): StructSchema => {
  const definition = openModule(module)?.find(name)
  if (definition === undefined) throw new Error(`there is no type ${name} in ${module}`)
  return definition
}

const fullName = (module: string, name: string) =>
  `${PREFIXES[module.slice(0, module.indexOf('/'))] ?? 'io.k8s.api.'}${module.replace('/', '.')}.${name}`

/** "io.k8s.api.apps.v1.Deployment", or the name under which a custom resource's type was added. */
export function findSchema(name: string): StructSchema | undefined {
  const added = custom.get(name)
  if (added !== undefined) return added
  const parts = name.split('.')
  if (parts.length < 3) return undefined
  const definition = openModule(`${parts.at(-3)}/${parts.at(-2)}`)?.find(parts.at(-1)!)
  return definition?.name === name ? definition : undefined
}

export function schemaOf(name: string): StructSchema {
  const schema = findSchema(name)
  if (schema === undefined) throw new Error(`there is no type ${name}`)
  return schema
}

/** The built-in type of a kind ("apps/v1", "Deployment"), kinds of meta/v1 (Status, DeleteOptions ...) included. */
export function findKind(apiVersion: string, kind: string): StructSchema | undefined {
  for (const name of byGroupVersion.get(apiVersion) ?? []) {
    const definition = openModule(name)!.find(kind)
    if (definition?.isKind) return definition
  }
  if (apiVersion === 'meta.k8s.io/v1' || apiVersion === 'meta.k8s.io/v1beta1') return openModule('meta/v1')!.find(kind)
  return undefined
}

/** Every built-in type, for documents about all of them (OpenAPI). */
export function* allSchemas(): Generator<StructSchema> {
  for (const name of Object.keys(MODULES)) {
    const module = openModule(name)!
    for (const type of module.names()) yield module.find(type)!
  }
}

/** Adds or replaces the type of a custom resource. The name must not be that of a built-in type. */
export function addSchema(name: string, schema: StructSchema): void {
  custom.set(name, schema)
}

export function removeSchema(name: string): void {
  custom.delete(name)
}
