// From the definitions to the registry, and what is still to be done about the definitions themselves.
import type { CustomResourceDefinition } from '../../api/apiextensions/v1.ts'
import type { Informer } from '../../store/types.ts'
import { createReader, type Machinery } from '../machinery.ts'
import { removeSchema } from '../schema/schemas.ts'
import { isStatus } from '../status-error.ts'
import { syncApiServices } from './api-services.ts'
import { CLEANUP } from './cleanup.ts'
import { finishDeletion } from './deletion.ts'
import { DEFINITIONS } from './kinds.ts'
import { isTrue, wantedStatuses } from './names.ts'
import { makeKind } from './resource.ts'

interface Known {
  /** Changes with whatever of the definition is served. */
  readonly fingerprint: string
  readonly group: string
  readonly resource: string
  readonly schemas: readonly string[]
}

/** Others write too: a status that could not be written is looked at again, so often at once. */
const ROUNDS = 10

export class DefinitionSync {
  readonly #machinery: Machinery
  readonly #known = new Map<string, Known>()
  #services: ReadonlySet<string> | undefined
  #isSettled = false

  constructor(machinery: Machinery) {
    this.#machinery = machinery
  }

  /** False while a definition is going, so that each look may find that it can go. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  async run(informer: Informer & { refresh(): Promise<number> }): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const definitions = informer.list()
      this.#register(definitions.map(({ object }) => object as CustomResourceDefinition))
      let wrote = false
      for (const wanted of wantedStatuses(definitions, this.#machinery.now())) wrote = (await this.#write(wanted)) || wrote
      const going = definitions.map(({ object }) => object as CustomResourceDefinition).filter(isGoing)
      for (const definition of going) wrote = (await finishDeletion(this.#machinery, definition)) || wrote
      this.#isSettled = going.length === 0
      if (!wrote) break
      await informer.refresh()
    }
    this.#services = await syncApiServices(this.#machinery, this.#services)
  }

  async #write(definition: CustomResourceDefinition): Promise<boolean> {
    try {
      await this.#machinery.client.updateStatus(DEFINITIONS, definition)
    } catch (error) {
      if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error
    }
    return true
  }

  #register(definitions: readonly CustomResourceDefinition[]): void {
    const served = definitions.filter(({ status }) => isTrue(status, 'Established'))
    const names = new Set(served.map(({ metadata }) => metadata.name))
    for (const [name, known] of this.#known) if (!names.has(name)) this.#forget(name, known)
    for (const definition of served) {
      const { metadata, spec, status } = definition
      const name = metadata.name ?? ''
      const fingerprint = JSON.stringify([metadata.uid, metadata.generation, status?.acceptedNames, metadata.deletionTimestamp])
      const known = this.#known.get(name)
      if (known?.fingerprint === fingerprint) continue
      const { resource, schemas } = makeKind(definition, createReader(this.#machinery.store))
      this.#machinery.registry.register(resource)
      for (const schema of known?.schemas ?? []) if (!schemas.includes(schema)) removeSchema(schema)
      this.#known.set(name, { fingerprint, group: spec.group, resource: spec.names.plural, schemas })
    }
  }

  #forget(name: string, { group, resource, schemas }: Known): void {
    this.#known.delete(name)
    this.#machinery.registry.unregister({ group, resource })
    for (const schema of schemas) removeSchema(schema)
  }
}

const isGoing = ({ metadata }: CustomResourceDefinition) =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers?.includes(CLEANUP) ?? false)
