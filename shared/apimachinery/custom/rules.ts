// x-kubernetes-validations.
import type { FieldError } from '../field-error.ts'
import type { JsonSchema } from '../schema/structural.ts'
import type { Before } from './validate-value.ts'

export class Rules {
  constructor(_schema: JsonSchema) {}
  errors(_object: object, _old: Before | undefined): FieldError[] {
    return []
  }
}
