import type { CustomResourceDefinition } from '../api/apiextensions/v1.ts'
import { CLEANUP } from '../apimachinery/custom/cleanup.ts'
import { formatTime } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { specChanged, statusPart } from './strategy.ts'

type Rules = typeof import('./custom-resource-definition/validate.ts')
let rules: Rules | undefined

/** Few requests write a definition: what a definition must be is loaded then. */
async function load(): Promise<void> {
  rules ??= await import('./custom-resource-definition/validate.ts')
}

function loaded(): Rules {
  if (rules === undefined) throw new Error('definitions are validated before load() was awaited')
  return rules
}

export default defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  resource: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  storedUpstreamAs: 'apiextensions.k8s.io/v1beta1',
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
      defaults(object) {
        setDefaults(object as CustomResourceDefinition)
      },
    },
  ],
  allowUnconditionalUpdate: false,
  plainFinalizers: true,
  load,
  generation: specChanged,
  prepareForCreate(definition) {
    definition.status = { acceptedNames: { plural: '', kind: '' }, storedVersions: storageVersions(definition) }
  },
  prepareForUpdate(definition, old) {
    definition.status = old.status
    const stored = old.status?.storedVersions ?? []
    const added = storageVersions(definition).filter(version => !stored.includes(version))
    if (added.length > 0) definition.status = { ...old.status, storedVersions: [...stored, ...added] }
  },
  warnings: definition => loaded().definitionWarnings(definition),
  validate: definition => loaded().validateDefinition(definition),
  validateUpdate: (definition, old) => loaded().validateDefinitionUpdate(definition, old),
  deletion: {
    returnsObject: true,
    prepare(definition, { now }) {
      definition.metadata.finalizers = [...(definition.metadata.finalizers ?? []), CLEANUP]
      const condition = {
        type: 'Terminating',
        status: 'True',
        lastTransitionTime: formatTime(now),
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      }
      definition.status = { ...definition.status, conditions: [...(definition.status?.conditions ?? []), condition] }
    },
    pending: ({ metadata }) => metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).includes(CLEANUP),
  },
  parts: { status: statusPart<CustomResourceDefinition>({ keepMetadata: [] }) },
})

const storageVersions = ({ spec }: CustomResourceDefinition) =>
  (spec?.versions ?? [])
    .filter(({ storage }) => storage)
    .slice(0, 1)
    .map(({ name }) => name)

function setDefaults({ spec }: CustomResourceDefinition): void {
  if (spec === undefined || spec === null) return
  const { names } = spec
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase()
    names.listKind ||= `${names.kind}List`
  }
  spec.conversion ??= { strategy: 'None' }
  const { service } = spec.conversion.webhook?.clientConfig ?? {}
  if (service !== undefined) service.port ??= 443
}
