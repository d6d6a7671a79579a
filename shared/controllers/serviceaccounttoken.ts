// Secrets of type service-account-token: filled with a token while their account lives, deleted when it does not.
import type { ConfigMap, Secret, ServiceAccount } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS } from './collections.ts'
import { equal } from './equality.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, splitName } from './watches.ts'

const TYPE = 'kubernetes.io/service-account-token'
const ACCOUNT = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

/** Config map with the certificate authority, in every namespace. */
const AUTHORITY = 'kube-root-ca.crt'

const BY_ACCOUNT = 'account'

const accountOf = (object: KubeObject): string | undefined =>
  (object as Secret).type === TYPE ? object.metadata.annotations?.[ACCOUNT] : undefined

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const secrets = await context.informer(SECRETS)
  const target = splitName(name)
  if (target.about === 'account') {
    secrets.addIndex(BY_ACCOUNT, object => {
      const account = accountOf(object)
      return account === undefined ? [] : [objectKey(object.metadata.namespace, account)]
    })
    return { also: secrets.byIndex(BY_ACCOUNT, objectKey(namespace, target.name)).map(({ object }) => keyOf(object)) }
  }
  if (target.about === 'authority') {
    const tokens = secrets.list(`${namespace}/`).filter(({ object }) => accountOf(object) !== undefined)
    return { also: tokens.map(({ object }) => keyOf(object)) }
  }
  const secret = secrets.get(key)?.object as Secret | undefined
  const accountName = secret === undefined ? undefined : accountOf(secret)
  if (secret === undefined || accountName === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined
  const account = await context.client.get<ServiceAccount>(SERVICE_ACCOUNTS, namespace, accountName)
  const wantedUid = secret.metadata.annotations?.[ACCOUNT_UID]
  if (account === undefined || (wantedUid !== undefined && wantedUid !== account.metadata.uid)) {
    await context.client.delete(SECRETS, namespace, name, { preconditions: { uid: secret.metadata.uid } })
    return undefined
  }
  await fill(secret, account, context)
  return undefined
}

async function fill(secret: Secret, account: ServiceAccount, { client, informer }: ControllerContext): Promise<void> {
  const { namespace, name, uid } = secret.metadata
  const authority = (await informer(CONFIG_MAPS)).get(objectKey(namespace, AUTHORITY))?.object as ConfigMap | undefined
  const encode = (text: string) => Buffer.from(text).toString('base64')
  // In the order in which upstream's maps are written.
  const data: Record<string, string> = {
    ...secret.data,
    'ca.crt': encode(authority?.data?.['ca.crt'] ?? ''),
    namespace: encode(namespace ?? ''),
  }
  const annotations = { ...secret.metadata.annotations, [ACCOUNT_UID]: account.metadata.uid! }
  if (!data.token) {
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name: '' },
      // For a Secret, and from here, it ends with the Secret, not by time.
      spec: { audiences: [], boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid } },
    }
    const { status } = await client.act<KubeObject & { status: { token: string } }>(
      SERVICE_ACCOUNTS,
      namespace,
      account.metadata.name,
      'token',
      request,
    )
    data.token = encode(status.token)
  }
  if (equal(data, secret.data) && equal(annotations, secret.metadata.annotations)) return
  try {
    await client.update<Secret>(SECRETS, { ...secret, metadata: { ...secret.metadata, annotations }, data })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
}

export const serviceAccountTokenController: Controller = {
  name: 'serviceaccount-token',
  component: 'tokens-controller',
  watches: [
    { resource: SECRETS, keys: ({ type, object, key }) => (type !== 'deleted' && accountOf(object) !== undefined ? [key] : []) },
    {
      resource: SERVICE_ACCOUNTS,
      keys: ({ type, object }) => (type === 'updated' ? [] : [objectKey(object.metadata.namespace, `account:${object.metadata.name}`)]),
    },
    {
      // A token may be asked for before its namespace has the authority, or outlive it.
      resource: CONFIG_MAPS,
      keys: ({ type, object: { metadata } }) =>
        type !== 'deleted' && metadata.name === AUTHORITY ? [objectKey(metadata.namespace, `authority:${metadata.name}`)] : [],
    },
  ],
  reconcile,
}
