import type { IngressClass, IngressClassParametersReference } from '../api/networking/v1.ts'
import { forbidden, notSupported, required, tooLong } from '../apimachinery/field-error.ts'
import { isDNS1123Label } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns, NONE } from './printers/text.ts'
import { collect, specChanged } from './strategy.ts'
import { addInvalid, bytes, domainPrefixedPath, type Errors, immutable } from './validation/checks.ts'
import { typedReference } from './validation/references.ts'

const MAX_CONTROLLER = 250
const SCOPES = ['Cluster', 'Namespace']
const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class'

function parameters(reference: IngressClassParametersReference, field: string, errors: Errors): void {
  const { scope, namespace } = reference
  typedReference(reference, field, errors)
  if (scope === undefined) errors.push(required(`${field}.scope`))
  else if (!SCOPES.includes(scope)) errors.push(notSupported(`${field}.scope`, scope, SCOPES))
  else if (scope === 'Namespace') {
    if (namespace === undefined) errors.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"))
    else addInvalid(isDNS1123Label(namespace), `${field}.namespace`, namespace, errors)
  } else if (namespace !== undefined) errors.push(forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"))
}

function validate({ spec = {} }: IngressClass, errors: Errors): void {
  if (bytes(spec.controller ?? '') > MAX_CONTROLLER) errors.push(tooLong('spec.controller', MAX_CONTROLLER))
  domainPrefixedPath(spec.controller, 'spec.controller', errors)
  if (spec.parameters !== undefined) parameters(spec.parameters, 'spec.parameters', errors)
}

export default defineResource<IngressClass>({
  group: 'networking.k8s.io',
  resource: 'ingressclasses',
  singular: 'ingressclass',
  kind: 'IngressClass',
  namespaced: false,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.networking.v1.IngressClass',
      defaults(object) {
        const reference = (object as IngressClass).spec?.parameters
        if (reference !== undefined) reference.scope ??= 'Cluster'
      },
    },
  ],
  generation: specChanged,
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) =>
    collect(errors => {
      immutable(object.spec?.controller ?? '', old.spec?.controller ?? '', 'spec.controller', errors)
      validate(object, errors)
    }),
  columns: columns('Name, Controller, Parameters, Age'),
  cells: (object, now) => {
    const { metadata, spec = {} } = object
    const { apiGroup, kind, name } = spec.parameters ?? {}
    return [
      `${metadata.name}${metadata.annotations?.[IS_DEFAULT] === 'true' ? ' (default)' : ''}`,
      spec.controller ?? '',
      spec.parameters === undefined ? NONE : `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`,
      age(object, now),
    ]
  },
})
