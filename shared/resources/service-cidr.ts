import type { ServiceCIDR, ServiceCIDRSpec } from '../api/networking/v1.ts'
import { invalid, required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns } from './printers/text.ts'
import { collect, keep } from './strategy.ts'
import { type Errors, IMMUTABLE } from './validation/checks.ts'
import { canonicalCIDR, parseCIDR } from './validation/ip.ts'

const FIELD = 'spec.cidrs'
const MAX = 2

function validate({ cidrs = [] }: ServiceCIDRSpec, errors: Errors): void {
  if (cidrs.length === 0) errors.push(required(FIELD, 'at least one CIDR required'))
  else if (cidrs.length > MAX) errors.push(invalid(FIELD, { CIDRs: cidrs }, 'may only hold up to 2 values'))
  else {
    for (const [i, cidr] of cidrs.entries()) canonicalCIDR(cidr, `${FIELD}[${i}]`, errors)
    const [first, second] = cidrs.map(cidr => parseCIDR(cidr)?.address.family)
    if (cidrs.length === MAX && first !== undefined && first === second) {
      const why = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
      errors.push(invalid(FIELD, cidrs, why))
    }
  }
}

const specOf = ({ spec }: ServiceCIDR) => spec ?? {}

function validateUpdate(object: ServiceCIDR, old: ServiceCIDR, errors: Errors): void {
  const cidrs = specOf(object).cidrs ?? []
  const before = specOf(old).cidrs ?? []
  const changed = (i: number) => {
    if (cidrs[i] !== before[i]) errors.push(invalid(`${FIELD}[${i}]`, cidrs[i], IMMUTABLE))
  }
  if (cidrs.length === before.length) for (const i of cidrs.keys()) changed(i)
  else if (before.length === 1 && cidrs.length === MAX) {
    changed(0)
    validate(specOf(object), errors)
  } else errors.push(invalid(FIELD, cidrs, IMMUTABLE))
}

const STATUS_METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences']

export default defineResource<ServiceCIDR>({
  group: 'networking.k8s.io',
  resource: 'servicecidrs',
  singular: 'servicecidr',
  kind: 'ServiceCIDR',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.ServiceCIDR' }],
  prepareForCreate(object) {
    object.status = {}
  },
  prepareForUpdate: (object, old) => keep(object, old, 'status'),
  validate: object => collect(errors => validate(specOf(object), errors)),
  validateUpdate: (object, old) => collect(errors => validateUpdate(object, old, errors)),
  parts: {
    status: {
      prepare(object, old) {
        keep(object, old, 'spec')
        keep(object.metadata, old.metadata, ...STATUS_METADATA)
      },
      validate: () => [],
      resetFields: [['metadata'], ['spec']],
    },
  },
  columns: columns('Name, CIDRs, Age'),
  cells: (object, now) => [object.metadata.name, (specOf(object).cidrs ?? []).join(','), age(object, now)],
})
