// Every namespace has a ServiceAccount named "default".
import type { ServiceAccount } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { NAMESPACES, SERVICE_ACCOUNTS } from './collections.ts'
import { isNamespaceTerminating } from './replicas.ts'
import type { Controller, ControllerContext, Watch } from './types.ts'

const NAME = 'default'

/** Makes what every active namespace has, if it is missing. What another has made meanwhile is as good. */
export async function isActiveNamespace({ informer }: ControllerContext, name: string): Promise<boolean> {
  const namespace = (await informer(NAMESPACES)).get(objectKey(undefined, name))?.object
  return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined
}

export const isNothingToDo = (error: unknown): boolean =>
  isStatus(error, 'AlreadyExists') || isStatus(error, 'NotFound') || isNamespaceTerminating(error)

/** For each namespace that is there, the key of its object of this name. */
export const perNamespace = (name: string): Watch => ({
  resource: NAMESPACES,
  keys: ({ type, object }) => (type === 'deleted' ? [] : [objectKey(object.metadata.name, name)]),
})

async function reconcile(key: string, context: ControllerContext): Promise<undefined> {
  const { namespace } = splitKey(key)
  if ((await context.informer(SERVICE_ACCOUNTS)).get(key) !== undefined || !(await isActiveNamespace(context, namespace))) return
  try {
    await context.client.create<ServiceAccount>(SERVICE_ACCOUNTS, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: NAME, namespace },
    })
  } catch (error) {
    if (!isNothingToDo(error)) throw error
  }
}

export const serviceAccountController: Controller = {
  name: 'serviceaccount',
  component: 'service-account-controller',
  watches: [
    perNamespace(NAME),
    { resource: SERVICE_ACCOUNTS, keys: ({ type, object, key }) => (type === 'deleted' && object.metadata.name === NAME ? [key] : []) },
  ],
  reconcile,
}
