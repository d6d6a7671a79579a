// A client with nothing between it and the store: no defaults, no validation, no admission. For tests of the pipeline alone.
import type { Client } from '../../shared/apimachinery/client.ts'
import { alreadyExists, modifiedConflict, notFound } from '../../shared/apimachinery/status-error.ts'
import { type GroupResource, type KubeObject, objectKey } from '../../shared/apimachinery/types.ts'
import type { Store } from '../../shared/store/types.ts'
import { ConflictError, ExistsError } from '../../shared/store/types.ts'

export function storeClient(store: Store): Client {
  let uid = 0
  const put = async (resource: GroupResource, object: KubeObject): Promise<KubeObject> => {
    const { namespace, name = '', resourceVersion } = object.metadata
    const key = objectKey(namespace, name)
    const current = await store.get(resource, key)
    if (current === undefined) throw notFound(resource, name)
    try {
      return (await store.update(resource, key, object, resourceVersion === undefined ? current.revision : Number(resourceVersion))).object
    } catch (error) {
      throw error instanceof ConflictError ? modifiedConflict(resource, name) : error
    }
  }
  const no = async (): Promise<never> => {
    throw new Error('not a part of the test client')
  }
  return {
    get: async (resource, namespace, name) => (await store.get(resource, objectKey(namespace, name)))?.object as never,
    create: async (resource, object) => {
      const { namespace, name = '' } = object.metadata
      const created = { ...object, metadata: { ...object.metadata, uid: `uid-${++uid}` } }
      try {
        return (await store.create(resource, objectKey(namespace, name), created)).object as never
      } catch (error) {
        throw error instanceof ExistsError ? alreadyExists(resource, name) : error
      }
    },
    update: async (resource, object) => (await put(resource, object)) as never,
    updateStatus: async (resource, object) => (await put(resource, object)) as never,
    patch: async (resource, namespace, name, { body }) => {
      const current = await store.get(resource, objectKey(namespace, name))
      if (current === undefined) throw notFound(resource, name)
      return (await put(resource, { ...current.object, ...(body as object) })) as never
    },
    delete: async (resource, namespace, name) => {
      const current = await store.get(resource, objectKey(namespace, name))
      if (current === undefined) return undefined
      return (await store.delete(resource, current.key, current.object, current.revision)).object
    },
    act: no,
    getPart: no,
    updatePart: no,
  }
}
