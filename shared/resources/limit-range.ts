import type { LimitRange, LimitRangeItem } from '../api/core/v1.ts'
import { duplicate, forbidden, invalid, required } from '../apimachinery/field-error.ts'
import { isQualifiedName } from '../apimachinery/names.ts'
import { compareQuantities, quantityMilliValue } from '../apimachinery/quantity.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { collect } from './strategy.ts'
import { roundUpToMilli } from './validation/amounts.ts'
import { addInvalid, differs, type Errors, moreThan, type Quantity } from './validation/checks.ts'
import { containerResourceName, isOvercommitAllowed, resourceName } from './validation/resource-names.ts'

type Amounts = Record<string, string>

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const
const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim']

/** What is said for containers leads to what is not: max to default, default to defaultRequest, min to defaultRequest. In place. */
function defaults(item: LimitRangeItem): void {
  for (const list of LISTS) roundUpToMilli(item[list])
  if (item.type !== 'Container') return
  const limits: Amounts = { ...item.max, ...item.default }
  const requests: Amounts = { ...item.min, ...limits, ...item.defaultRequest }
  if (Object.keys(limits).length > 0) item.default = limits
  if (Object.keys(requests).length > 0) item.defaultRequest = requests
}

function type(value: string, field: string, errors: Errors): void {
  const wrong = isQualifiedName(value)
  addInvalid(wrong, field, value, errors)
  if (wrong.length === 0 && !value.includes('/') && !TYPES.includes(value))
    errors.push(invalid(field, value, 'must be a standard limit type or fully qualified'))
}

function item(limit: LimitRangeItem, at: string, errors: Errors): void {
  const isPod = limit.type === 'Pod'
  const checkName = isPod || limit.type === 'Container' ? containerResourceName : resourceName
  const names = new Set<string>()
  for (const list of LISTS) {
    const amounts = limit[list] ?? {}
    if (isPod && (list === 'default' || list === 'defaultRequest')) {
      if (Object.keys(amounts).length > 0) errors.push(forbidden(`${at}.${list}`, "may not be specified when `type` is 'Pod'"))
      continue
    }
    for (const name in amounts) {
      checkName(name, `${at}.${list}[${name}]`, errors)
      names.add(name)
    }
  }
  if (limit.type === 'PersistentVolumeClaim' && limit.min?.storage === undefined && limit.max?.storage === undefined)
    errors.push(required(`${at}.limits`, 'either minimum or maximum storage value is required, but neither was provided'))
  for (const name of names) amounts(limit, isPod, name, at, errors)
}

function amounts(limit: LimitRangeItem, isPod: boolean, name: string, at: string, errors: Errors): void {
  const min = limit.min?.[name]
  const max = limit.max?.[name]
  const value = isPod ? undefined : limit.default?.[name]
  const request = isPod ? undefined : limit.defaultRequest?.[name]
  const ratio = limit.maxLimitRequestRatio?.[name]
  const wrong = (list: string, printed: Quantity, why: string) => errors.push(invalid(`${at}.${list}[${name}]`, String(printed), why))
  const more = (a: Quantity | undefined, b: Quantity | undefined): a is Quantity => a !== undefined && b !== undefined && moreThan(a, b)
  if (more(min, max)) wrong('min', min, `min value ${min} is greater than max value ${max}`)
  if (more(min, request)) wrong('defaultRequest', request as Quantity, `min value ${min} is greater than default request value ${request}`)
  if (more(request, max)) wrong('defaultRequest', request, `default request value ${request} is greater than max value ${max}`)
  if (more(request, value))
    wrong('defaultRequest', request, `default request value ${request} is greater than default limit value ${value}`)
  if (more(min, value)) wrong('default', min, `min value ${min} is greater than default value ${value}`)
  if (more(value, max)) wrong('default', max as Quantity, `default value ${value} is greater than max value ${max}`)
  if (ratio !== undefined && compareQuantities(ratio, 1) < 0) wrong('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`)
  if (ratio !== undefined && min !== undefined && max !== undefined) {
    const limitRatio = quantityMilliValue(max) / quantityMilliValue(min)
    if (quantityMilliValue(ratio) / 1000 > limitRatio)
      wrong('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${limitRatio.toFixed(6)}`)
  }
  if (!isOvercommitAllowed(name) && value !== undefined && request !== undefined && differs(value, request))
    wrong('defaultRequest', request, `default value ${value} must equal to defaultRequest value ${request} in ${name}`)
}

function validate({ spec }: LimitRange, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, limit] of (spec?.limits ?? []).entries()) {
    const at = `spec.limits[${i}]`
    const name = limit.type ?? ''
    type(name, `${at}.type`, errors)
    if (seen.has(name)) errors.push(duplicate(`${at}.type`, name))
    seen.add(name)
    item(limit, at, errors)
  }
}

export default defineResource<LimitRange>({
  group: '',
  resource: 'limitranges',
  singular: 'limitrange',
  kind: 'LimitRange',
  namespaced: true,
  metadataOnUpdate: 'whole',
  shortNames: ['limits'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.LimitRange',
      defaults(object) {
        for (const limit of (object as LimitRange).spec?.limits ?? []) defaults(limit)
      },
    },
  ],
  allowCreateOnUpdate: true,
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: object => collect(errors => validate(object, errors)),
})
