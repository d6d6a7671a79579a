// Environment variables of a container and where they come from.
import type { EnvFromSource, EnvVar, FileKeySelector } from '../../api/core/v1.ts'
import { invalid, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { addInvalid, dnsLabel, type Errors, isConfigMapKey, isEnvVarName, noBacksteps } from '../validation/checks.ts'
import { ENV_FIELDS, fieldSelector, resourceFieldSelector } from './field-refs.ts'

export function validateEnv(variables: readonly EnvVar[] | undefined, field: string, errors: Errors): void {
  if (variables === undefined) return
  for (let i = 0; i < variables.length; i++) {
    const variable = variables[i] as EnvVar
    const at = `${field}[${i}]`
    if (!variable.name) errors.push(required(`${at}.name`))
    else addInvalid(isEnvVarName(variable.name), `${at}.name`, variable.name, errors)
    if (variable.valueFrom !== undefined) valueFrom(variable, `${at}.valueFrom`, errors)
  }
}

function valueFrom({ value, valueFrom: from = {} }: EnvVar, field: string, errors: Errors): void {
  let sources = 0
  if (from.fieldRef !== undefined) {
    sources++
    fieldSelector(from.fieldRef, ENV_FIELDS, `${field}.fieldRef`, errors)
  }
  if (from.resourceFieldRef !== undefined) {
    sources++
    resourceFieldSelector(from.resourceFieldRef, `${field}.resourceFieldRef`, errors, false)
  }
  for (const member of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = from[member]
    if (reference === undefined) continue
    sources++
    addInvalid(isDNS1123Subdomain(reference.name ?? ''), `${field}.${member}.name`, reference.name ?? '', errors)
    if (!reference.key) errors.push(required(`${field}.${member}.key`))
    else addInvalid(isConfigMapKey(reference.key), `${field}.${member}.key`, reference.key, errors)
  }
  if (from.fileKeyRef !== undefined) {
    sources++
    fileKey(from.fileKeyRef, `${field}.fileKeyRef`, errors)
  }
  if (sources === 0) {
    const which = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
    errors.push(invalid(field, '', which))
  } else if (value) errors.push(invalid(field, '', 'may not be specified when `value` is not empty'))
  else if (sources > 1) errors.push(invalid(field, '', 'may not have more than one field specified at a time'))
}

function fileKey(reference: FileKeySelector, field: string, errors: Errors): void {
  if (!reference.key) errors.push(required(`${field}.key`))
  else addInvalid(isEnvVarName(reference.key), `${field}.key`, reference.key, errors)
  if (!reference.volumeName) errors.push(required(`${field}.volumeName`))
  else dnsLabel(reference.volumeName, `${field}.volumeName`, errors)
  if (!reference.path) errors.push(required(`${field}.path`))
  else noBacksteps(reference.path, `${field}.path`, errors)
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, field: string, errors: Errors): void {
  for (const [i, source] of (sources ?? []).entries()) {
    const at = `${field}[${i}]`
    if (source.prefix) addInvalid(isEnvVarName(source.prefix), `${at}.prefix`, source.prefix, errors)
    let found = 0
    for (const member of ['configMapRef', 'secretRef'] as const) {
      const reference = source[member]
      if (reference === undefined) continue
      found++
      if (!reference.name) errors.push(required(`${at}.${member}.name`))
      // Checked as a prefix would be: a dash at the end passes.
      else addInvalid(isDNS1123Subdomain(reference.name.replace(/(.)-$/, '$1a')), `${at}.${member}.name`, reference.name, errors)
    }
    // Upstream names the list, not the item.
    if (found === 0) errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'))
    else if (found > 1) errors.push(invalid(field, '', 'may not have more than one field specified at a time'))
  }
}
