import { expect, test } from 'vitest'
import { OWN_DESCRIPTIONS } from '../../shared/apimachinery/openapi/own-descriptions.ts'
import { findKind, findSchema } from '../../shared/apimachinery/schema/schemas.ts'

const EVERYWHERE = new Set(['kind', 'apiVersion', 'metadata'])

test('every field of our own kinds is described, and no other', () => {
  for (const [name, [, described]] of Object.entries(OWN_DESCRIPTIONS)) {
    const fields = [...findSchema(name)!.fields.keys()].filter(field => !EVERYWHERE.has(field))
    expect(Object.keys(described).sort(), name).toEqual(fields.sort())
  }
  expect(findKind('zeroplane.dev/v1alpha1', 'WorkQueue')?.name).toBe('dev.zeroplane.v1alpha1.WorkQueue')
})
