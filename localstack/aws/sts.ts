// STS: who am I. Any access key is accepted; a name is made of it, so that several local identities can be told apart.
import type { Identity } from './identity.ts'
import type { Call, Service } from './service.ts'

/** "test", the key that everybody uses against local endpoints, is the account's root. */
const ROOT_KEY = 'test'

export function stsService(identity: Identity): Service {
  return {
    name: 'sts',
    operations: {
      GetCallerIdentity(_input: unknown, call: Call) {
        const key = call.accessKeyId ?? ROOT_KEY
        const resource = key === ROOT_KEY ? 'root' : `user/${key}`
        return {
          Arn: `arn:aws:iam::${identity.account}:${resource}`,
          UserId: key === ROOT_KEY ? identity.account : key,
          Account: identity.account,
        }
      },
    },
  }
}
