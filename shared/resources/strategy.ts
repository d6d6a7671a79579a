// Pieces of strategies that many kinds share.

import type { FieldError } from '../apimachinery/field-error.ts'
import { equal } from '../apimachinery/objects.ts'
import type { PartStrategy } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import type { Errors } from './validation/checks.ts'

type Members = Record<string, unknown>

/** In place; an absent member stays absent. */
export function keep(object: object, old: object, ...names: readonly string[]): void {
  for (const name of names) {
    const value = (old as Members)[name]
    if (value === undefined) delete (object as Members)[name]
    else (object as Members)[name] = value
  }
}

/** For kinds whose status is written through a part of its own: the main endpoint neither sets nor changes it. */
export const apartFromStatus = {
  prepareForCreate(object: KubeObject): void {
    delete (object as unknown as Members).status
  },
  prepareForUpdate(object: KubeObject, old: KubeObject): void {
    keep(object, old, 'status')
  },
}

/** metadata.generation counts changes of the spec. */
export const specChanged = (object: { readonly spec?: unknown }, old: { readonly spec?: unknown }): boolean => !equal(object.spec, old.spec)

type Check<T> = (object: T, old: T, errors: Errors) => void

/** Collects what checks add. */
export function collect(check: (errors: Errors) => void): readonly FieldError[] {
  const errors: Errors = []
  check(errors)
  return errors
}

/** A status part that also leaves parts of metadata alone. */
export function statusPart<T extends KubeObject>(
  options: { readonly keepMetadata?: readonly string[]; readonly check?: Check<T> } = {},
): PartStrategy<T> {
  const { keepMetadata = [], check } = options
  return {
    ...(keepMetadata.length === 0
      ? {}
      : {
          prepare(object: T, old: T) {
            keep(
              object,
              old,
              ...new Set([...Object.keys(object), ...Object.keys(old)].filter(name => name !== 'status' && name !== 'metadata')),
            )
            keep(object.metadata, old.metadata, ...keepMetadata)
          },
        }),
    ...(check === undefined ? {} : { validate: (object: T, old: T) => collect(errors => check(object, old, errors)) }),
  }
}
