import type { APIService } from '../api/apiregistration/v1.ts'
import { invalid } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultServicePort } from './admission-defaults.ts'
import { columns, since, UNKNOWN } from './printers/text.ts'
import { apartFromStatus } from './strategy.ts'

const localAvailable = (lastTransitionTime: string | undefined) => ({
  type: 'Available',
  status: 'True',
  lastTransitionTime,
  reason: 'Local',
  message: 'Local APIServices are always available',
})

export default defineResource<APIService>({
  group: 'apiregistration.k8s.io',
  resource: 'apiservices',
  singular: 'apiservice',
  kind: 'APIService',
  namespaced: false,
  categories: ['api-extensions'],
  allowUnconditionalUpdate: false,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
      defaults(object) {
        defaultServicePort((object as APIService).spec?.service)
      },
    },
  ],
  // "v1." is the core group's: what the name must be is said by validate.
  validateName: () => [],
  prepareForCreate(service) {
    delete service.status
    // What this server serves itself is there from the start; others wait for whoever looks after them.
    if (service.spec?.service === undefined) service.status = { conditions: [localAvailable(service.metadata.creationTimestamp)] }
  },
  prepareForUpdate: apartFromStatus.prepareForUpdate,
  validate({ metadata, spec }) {
    const wanted = `${spec?.version ?? ''}.${spec?.group ?? ''}`
    return metadata.name === wanted
      ? []
      : [invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)]
  },
  parts: { status: {} },
  columns: columns('Name, Service, Available, Age'),
  cells: ({ metadata, spec, status }, now) => {
    const available = status?.conditions?.find(c => c.type === 'Available')
    const text = available ? (available.status === 'True' ? 'True' : `${available.status} (${available.reason})`) : UNKNOWN
    return [
      metadata.name,
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local',
      text,
      since(metadata.creationTimestamp, now),
    ]
  },
})
