import type { ServiceAccount } from '../api/core/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'

const ENFORCE_MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets'

/** Only names are kept: the Secrets are in the same namespace. In place. */
function cleanReferences(account: ServiceAccount): void {
  account.secrets = account.secrets?.map(({ name }) => (name === undefined ? {} : { name }))
  if (account.secrets === undefined) delete account.secrets
}

/** Its token action is added by whoever signs tokens. */
export default defineResource<ServiceAccount>({
  group: '',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  namespaced: true,
  metadataOnUpdate: 'both',
  shortNames: ['sa'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.ServiceAccount' }],
  prepareForCreate: cleanReferences,
  prepareForUpdate: cleanReferences,
  warnings: ({ metadata }, old) =>
    metadata.annotations?.[ENFORCE_MOUNTABLE] === undefined || old?.metadata.annotations?.[ENFORCE_MOUNTABLE] !== undefined
      ? []
      : [
          `metadata.annotations[${ENFORCE_MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ],
  deletion: { returnsObject: true },
  columns: columns('Name, Age'),
  cells: (account, now) => [account.metadata.name, age(account, now)],
})
