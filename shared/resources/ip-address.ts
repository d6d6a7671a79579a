import type { IPAddress } from '../api/networking/v1.ts'
import { required } from '../apimachinery/field-error.ts'
import { isDNS1123Subdomain, isPathSegmentName } from '../apimachinery/names.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns, NONE } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, type Errors, immutable } from './validation/checks.ts'
import { ipProblems } from './validation/ip.ts'
import { pathName } from './validation/references.ts'

function validate({ spec }: IPAddress, errors: Errors): void {
  const parent = spec?.parentRef
  const field = 'spec.parentRef'
  if (parent === undefined) {
    errors.push(required(field))
    return
  }
  if (parent.group) addInvalid(isDNS1123Subdomain(parent.group), `${field}.group`, parent.group, errors)
  pathName(parent.resource, `${field}.resource`, errors)
  pathName(parent.name, `${field}.name`, errors)
  if (parent.namespace) addInvalid(isPathSegmentName(parent.namespace), `${field}.namespace`, parent.namespace, errors)
}

function parentText({ spec }: IPAddress): string {
  const parent = spec?.parentRef
  if (parent === undefined) return NONE
  const resource = parent.group ? `${parent.resource}.${parent.group}` : (parent.resource ?? '')
  return [resource.toLowerCase(), ...(parent.namespace ? [parent.namespace] : []), parent.name].join('/')
}

export default defineResource<IPAddress>({
  group: 'networking.k8s.io',
  resource: 'ipaddresses',
  singular: 'ipaddress',
  kind: 'IPAddress',
  namespaced: false,
  shortNames: ['ip'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.IPAddress' }],
  validateName: ipProblems,
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) =>
    collect(errors => {
      validate(object, errors)
      immutable(object.spec?.parentRef, old.spec?.parentRef, 'spec.parentRef', errors)
    }),
  // Upstream has a third cell, the age, and no column for it.
  columns: columns('Name, ParentRef'),
  cells: (object, now) => [object.metadata.name, parentText(object), age(object, now)],
})
