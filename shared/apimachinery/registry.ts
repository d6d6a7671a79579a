// The kinds that are served, looked up by path, by kind or by collection.
import type { ResourceDefinition, VersionDefinition } from './resource.ts'
import type { GroupResource } from './types.ts'
import { groupVersion } from './types.ts'

/** One kind in one served version: what a path names. */
export interface Endpoint {
  readonly definition: ResourceDefinition
  readonly version: VersionDefinition
  readonly group: string
  readonly resource: string
  readonly kind: string
  /** "apps/v1" */
  readonly apiVersion: string
  /** "apps/v1" of the storage version. */
  readonly storageApiVersion: string
  readonly storage: VersionDefinition
  /** The collection that the objects are stored in. */
  readonly collection: GroupResource
}

/** Kinds that come and go while the server runs. */
export interface Kinds {
  /** Brings the registry up to date; see Registry.refresh. */
  refresh(maxAge: number): Promise<void>
}

export class Registry {
  readonly #byPath = new Map<string, Endpoint>()
  readonly #byKind = new Map<string, Endpoint>()
  readonly #byCollection = new Map<string, Endpoint>()
  readonly #definitions = new Map<string, ResourceDefinition>()
  #generation = 0
  #kinds: Kinds | undefined

  constructor(definitions: Iterable<ResourceDefinition> = []) {
    for (const definition of definitions) this.register(definition)
  }

  follow(kinds: Kinds): void {
    this.#kinds = kinds
  }

  /**
   * Afterwards the registry knows every definition of a custom kind that was acknowledged before the call; with `maxAge` (ms) it may
   * lack those of that time. Costs one small read when nothing changed.
   */
  async refresh(maxAge = 0): Promise<void> {
    await this.#kinds?.refresh(maxAge)
  }

  /** Grows with every change: what is derived from the registry (discovery, OpenAPI) is cached by it. */
  get generation(): number {
    return this.#generation
  }

  get definitions(): readonly ResourceDefinition[] {
    return [...this.#definitions.values()]
  }

  /** Adds the kind, or puts it in place of an older definition of the same resource. */
  register(definition: ResourceDefinition): void {
    this.unregister(definition)
    const storage = definition.versions.find(version => version.storage)
    if (storage === undefined) throw new Error(`${definition.resource}.${definition.group} has no storage version`)
    this.#generation++
    this.#definitions.set(key(definition), definition)
    const collection = { group: definition.group, resource: definition.resource }
    for (const version of definition.versions) {
      if (version.served === false) continue
      const group = version.group ?? definition.group
      const endpoint: Endpoint = {
        definition: version.own === undefined ? definition : { ...definition, ...version.own },
        version,
        group,
        resource: definition.resource,
        kind: version.kind ?? definition.kind,
        apiVersion: groupVersion(group, version.version),
        storageApiVersion: groupVersion(storage.group ?? definition.group, storage.version),
        storage,
        collection,
      }
      this.#byPath.set(`${endpoint.apiVersion}/${endpoint.resource}`, endpoint)
      this.#byKind.set(`${endpoint.apiVersion}/${endpoint.kind}`, endpoint)
      if (version === storage) this.#byCollection.set(key(collection), endpoint)
    }
  }

  unregister(collection: GroupResource): void {
    const definition = this.#definitions.get(key(collection))
    if (definition === undefined) return
    this.#generation++
    this.#definitions.delete(key(collection))
    this.#byCollection.delete(key(collection))
    const isOld = ({ collection: { group, resource } }: Endpoint) => group === collection.group && resource === collection.resource
    for (const [path, endpoint] of this.#byPath) if (isOld(endpoint)) this.#byPath.delete(path)
    for (const [path, endpoint] of this.#byKind) if (isOld(endpoint)) this.#byKind.delete(path)
  }

  /** apiVersion as in "apps/v1" or "v1", resource plural. */
  find(apiVersion: string, resource: string): Endpoint | undefined {
    return this.#byPath.get(`${apiVersion}/${resource}`)
  }

  findKind(apiVersion: string, kind: string): Endpoint | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`)
  }

  /** The storage version of a collection. */
  storage(collection: GroupResource): Endpoint | undefined {
    return this.#byCollection.get(key(collection))
  }

  endpoints(): Iterable<Endpoint> {
    return this.#byPath.values()
  }
}

const key = ({ group, resource }: GroupResource) => `${group}/${resource}`
