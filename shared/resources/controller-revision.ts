import type { ControllerRevision } from '../api/apps/v1.ts'
import { required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { age, columns, NONE } from './printers/text.ts'
import { collect } from './strategy.ts'
import { type Errors, immutable, nonNegative } from './validation/checks.ts'

function data({ data: value }: ControllerRevision, errors: Errors): void {
  if (value === undefined || value === null) errors.push(required('data', 'data is mandatory'))
  else if (typeof value !== 'object' || Array.isArray(value)) errors.push(required('data', 'data must be a valid JSON object'))
}

function owner({ metadata }: ControllerRevision): string {
  const controller = metadata.ownerReferences?.find(reference => reference.controller)
  if (controller === undefined) return NONE
  const [group = '', version] = controller.apiVersion.split('/')
  return `${controller.kind.toLowerCase()}${version === undefined ? '' : `.${group}`}/${controller.name}`
}

export default defineResource<ControllerRevision>({
  group: 'apps',
  resource: 'controllerrevisions',
  singular: 'controllerrevision',
  kind: 'ControllerRevision',
  namespaced: true,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.ControllerRevision' }],
  validate: revision =>
    collect(errors => {
      nonNegative(revision.revision, 'revision', errors)
      data(revision, errors)
    }),
  validateUpdate: (revision, old) =>
    collect(errors => {
      nonNegative(revision.revision, 'revision', errors)
      immutable(revision.data, old.data, 'data', errors)
    }),
  columns: columns('Name, Controller, Revision, Age'),
  cells: (revision, now) => [revision.metadata.name, owner(revision), revision.revision ?? 0, age(revision, now)],
})
