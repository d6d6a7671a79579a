import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  difference,
  type FieldSet,
  intersection,
  isEmpty,
  paths,
  recursiveDifference,
  sameSet,
  setOf,
  union,
} from '../../shared/apimachinery/apply/field-set.ts'
import { ApplyConflictError, type ApplyOptions, type ManagedFieldsOptions } from '../../shared/apimachinery/engines.ts'
import { schemaOf } from '../../shared/apimachinery/schema/schemas.ts'
import { schemaEngines as engines } from '../../shared/apimachinery/schema-engines.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'

const DEPLOYMENT = 'io.k8s.api.apps.v1.Deployment'
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)

const by = (manager: string, more: Partial<ApplyOptions> = {}): ApplyOptions => ({
  manager,
  apiVersion: 'apps/v1',
  schema: DEPLOYMENT,
  subresource: '',
  now: NOW,
  resetFields: [['status']],
  force: false,
  ...more,
})

type Spec = Record<string, unknown>
const configuration = (spec: Spec, metadata: Spec = {}) =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata }, spec }) as unknown as KubeObject
const template = (...containers: Spec[]) => ({ template: { spec: { containers } } })
const containersOf = (object: KubeObject) =>
  (object as unknown as { spec: { template: { spec: { containers?: Spec[] } } } }).spec.template.spec.containers

/** As stored: with an identity. */
const stored = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, uid: 'u' } })
const apply = (live: KubeObject | undefined, config: KubeObject, options: ApplyOptions) =>
  stored(engines.applyConfiguration(live, config, options))

function update(
  live: KubeObject | undefined,
  change: (object: KubeObject & { spec: Spec }) => void,
  options: ManagedFieldsOptions,
): KubeObject {
  const object = structuredClone(live ?? configuration({})) as KubeObject & { spec: Spec }
  change(object)
  const decoded = engines.decode(object, DEPLOYMENT).object
  engines.trackUpdate(decoded, live, options)
  return stored(decoded)
}

const owners = (object: KubeObject) =>
  Object.fromEntries(
    (object.metadata.managedFields ?? []).map(entry => [`${entry.manager}/${entry.operation}`, [...paths(entry.fieldsV1 as FieldSet)]]),
  )

describe('managed fields of updates', () => {
  it('gives the creator what it said, but neither identity nor what is there by itself', () => {
    const created = update(
      undefined,
      object => Object.assign(object.spec, { replicas: 2, ...template({ name: 'a', ports: [{ containerPort: 80 }] }) }),
      by('creator'),
    )
    expect(created.metadata.managedFields).toEqual([
      {
        manager: 'creator',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: '2026-01-02T03:04:05Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"a"}': {
                    '.': {},
                    'f:name': {},
                    'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                    'f:resources': {},
                  },
                },
              },
            },
          },
        },
      },
    ])
  })

  it('moves a field to whoever gives it another value, and forgets what is gone', () => {
    const created = update(undefined, object => Object.assign(object.spec, { replicas: 2, paused: true }), by('creator'))
    const changed = update(created, object => Object.assign(object.spec, { replicas: 3, paused: undefined }), by('other'))
    expect(owners(changed)).toEqual({ 'other/Update': ['.spec.replicas'] })
  })

  it('leaves everything as it is when nothing changes', () => {
    const created = update(undefined, object => Object.assign(object.spec, { replicas: 2 }), by('creator'))
    expect(update(created, () => {}, by('other', { now: NOW + 60_000 })).metadata.managedFields).toEqual(created.metadata.managedFields)
  })

  it('knows the parts that an endpoint never writes', () => {
    const change = (object: KubeObject & { spec: Spec }) => Object.assign(object, { spec: { replicas: 2 }, status: { replicas: 1 } })
    expect(owners(update(undefined, change, by('main')))).toEqual({ 'main/Update': ['.spec.replicas'] })
    expect(owners(update(undefined, change, by('status', { subresource: 'status', resetFields: [['spec']] })))).toEqual({
      'status/Update': ['.status.replicas'],
    })
  })

  it('keeps what a client sends without managed fields, and takes what it rewrites', () => {
    const created = update(undefined, object => Object.assign(object.spec, { replicas: 2 }), by('creator'))
    const stripped = update(created, object => delete object.metadata.managedFields, by('other'))
    expect(owners(stripped)).toEqual({ 'creator/Update': ['.spec.replicas'] })
    const broken = update(
      created,
      object => Object.assign(object.metadata, { managedFields: [{ manager: 'x', operation: 'Steal' }] }),
      by('other'),
    )
    expect(owners(broken)).toEqual({ 'creator/Update': ['.spec.replicas'] })
    const reset = update(created, object => Object.assign(object.metadata, { managedFields: [{}] }), by('other'))
    expect(reset.metadata.managedFields).toBeUndefined()
    const untracked = update(reset, object => Object.assign(object.spec, { replicas: 9 }), by('other'))
    expect(untracked.metadata.managedFields).toBeUndefined()
  })

  it('makes one of the oldest when more than ten have written', () => {
    let object = update(undefined, ({ metadata }) => Object.assign(metadata, { labels: { creator: 'x' } }), by('creator'))
    for (let n = 1; n <= 12; n++) {
      object = update(object, ({ metadata }) => Object.assign(metadata.labels!, { [`l${n}`]: 'x' }), by(`m${n}`, { now: NOW + n * 1000 }))
    }
    const entries = object.metadata.managedFields ?? []
    expect(entries).toHaveLength(10)
    expect(entries.map(({ manager }) => manager)).toContain('ancient-changes')
    expect(owners(object)['ancient-changes/Update']).toEqual(
      expect.arrayContaining(['.metadata.labels', '.metadata.labels.creator', '.metadata.labels.l1', '.metadata.labels.l3']),
    )
  })
})

describe('server-side apply', () => {
  const base = apply(undefined, configuration({ replicas: 2, ...template({ name: 'a', image: '1' }) }), by('one'))

  it('owns what the configuration says', () => {
    expect(owners(base)).toEqual({
      'one/Apply': [
        '.spec.replicas',
        '.spec.template.spec.containers[name="a"]',
        '.spec.template.spec.containers[name="a"].image',
        '.spec.template.spec.containers[name="a"].name',
      ],
    })
  })

  it('refuses another value without force, and takes over with it', () => {
    const other = configuration({ replicas: 3, ...template({ name: 'a', image: '2' }) })
    let conflict: unknown
    try {
      apply(base, other, by('two'))
    } catch (error) {
      conflict = error
    }
    expect(conflict).toBeInstanceOf(ApplyConflictError)
    expect(conflict).toMatchObject({
      message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\n- .spec.template.spec.containers[name="a"].image',
      conflicts: [
        { message: 'conflict with "one"', field: '.spec.replicas' },
        { message: 'conflict with "one"', field: '.spec.template.spec.containers[name="a"].image' },
      ],
    })
    const forced = apply(base, other, by('two', { force: true }))
    expect(owners(forced)['one/Apply']).not.toContain('.spec.replicas')
    expect(owners(forced)['two/Apply']).toContain('.spec.replicas')
  })

  it('shares what both say alike, and removes it only when both have let go', () => {
    const both = apply(base, configuration({ replicas: 2 }), by('two'))
    const without = apply(both, configuration(template({ name: 'a', image: '1' })), by('one'))
    expect(without).toMatchObject({ spec: { replicas: 2 } })
    const none = apply(without, configuration({}), by('two'))
    expect(none).not.toHaveProperty('spec.replicas')
  })

  it('removes items that it stops naming, but not those that others own', () => {
    const sidecar = apply(base, configuration(template({ name: 'side', image: 's' })), by('two'))
    const emptied = apply(sidecar, configuration({}), by('one'))
    expect(containersOf(emptied)).toMatchObject([{ name: 'side', image: 's' }])
  })

  it('takes an object that nobody tracked as that of before-first-apply', () => {
    const untracked = stored(configuration({ replicas: 5 }))
    expect(() => apply(untracked, configuration({ replicas: 6 }), by('one'))).toThrow(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    )
  })

  it('lets kubectl take over what its annotation says, and keeps the annotation up to date', () => {
    const last = JSON.stringify(configuration({ replicas: 2 }))
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last }
    const live = update(
      undefined,
      object => Object.assign(object, configuration({ replicas: 2, paused: true }, { annotations })),
      by('kubectl-client-side-apply'),
    )
    const wanted = configuration({ replicas: 7 })
    expect(() => apply(live, wanted, by('somebody'))).toThrow('conflict with "kubectl-client-side-apply"')
    const applied = apply(live, wanted, by('kubectl'))
    expect(applied).toMatchObject({ spec: { replicas: 7, paused: true } })
    expect(JSON.parse(applied.metadata.annotations!['kubectl.kubernetes.io/last-applied-configuration']!)).toEqual(wanted)
  })

  it.each([
    [configuration({ frob: 1 }), '.spec.frob: field not declared in schema'],
    [configuration({ replicas: 'many' }), '.spec.replicas: expected numeric (int or float), got string'],
    [configuration(template({ name: 'a' }, { name: 'a' })), '.spec.template.spec.containers: duplicate entries for key [name="a"]'],
    [configuration({}, { finalizers: ['a/b', 'a/b'] }), '.metadata.finalizers: duplicate entries for key [="a/b"]'],
  ])('refuses what does not fit the type: %#', (config, problem) =>
    expect(() => apply(base, config, by('one'))).toThrow(
      `failed to create typed patch object (/web; apps/v1, Kind=Deployment): ${problem}`,
    ),
  )

  it('sees owners of another version in their version', () => {
    const scaled = { ...base, spec: { replicas: 2 } } as unknown as KubeObject
    scaled.metadata.managedFields = [
      {
        manager: 'old',
        operation: 'Update',
        apiVersion: 'apps/v1beta1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
      { manager: 'gone', operation: 'Update', apiVersion: 'apps/v0', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:paused': {} } } },
    ]
    const convert: ApplyOptions['convert'] = (object, apiVersion) =>
      apiVersion === 'apps/v1beta1'
        ? { object: { ...object, apiVersion }, schema: schemaOf('io.k8s.api.apps.v1beta1.Deployment') }
        : undefined
    expect(() => apply(scaled, configuration({ replicas: 3 }), by('new', { convert }))).toThrow(
      'conflict with "old" using apps/v1beta1: .spec.replicas',
    )
    expect(Object.keys(owners(apply(scaled, configuration({ replicas: 3 }), by('new', { convert, force: true }))))).toEqual(['new/Apply'])
  })

  const container = fc.record({ name: fc.constantFrom('a', 'b', 'c'), image: fc.constantFrom('1', '2') }, { requiredKeys: ['name'] })
  const spec = fc.record(
    {
      replicas: fc.constantFrom(1, 2, 3),
      paused: fc.boolean(),
      template: fc.record({ spec: fc.record({ containers: fc.uniqueArray(container, { selector: one => one.name }) }) }),
    },
    { requiredKeys: [] },
  )

  it('gives the same object when it is applied again, whatever was applied before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('one', 'two'), spec), { maxLength: 5 }), spec, (before, last) => {
        let live: KubeObject | undefined
        for (const [manager, one] of before) live = apply(live, configuration(one), by(manager, { force: true }))
        const once = apply(live, configuration(last), by('one', { force: true }))
        const twice = apply(once, configuration(last), by('one'))
        expect(twice).toEqual(once)
        if (last.replicas !== undefined) expect(once).toMatchObject({ spec: { replicas: last.replicas } })
      }),
    )
  })
})

describe('sets of field paths', () => {
  const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1')
  const set = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 }).map(all => all.map(setOf).reduce(union, {}))
  const list = (one: FieldSet) => [...paths(one)].sort()

  it('are sets', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        expect(list(union(a, b))).toEqual([...new Set([...list(a), ...list(b)])].sort())
        expect(list(intersection(a, b))).toEqual(list(a).filter(path => list(b).includes(path)))
        expect(list(difference(a, b))).toEqual(list(a).filter(path => !list(b).includes(path)))
        expect(sameSet(union(a, b), union(b, a))).toBe(true)
        expect(isEmpty(difference(a, a))).toBe(true)
        const below = list(a).filter(
          path => !list(b).some(other => path === other || path.startsWith(`${other}.`) || path.startsWith(`${other}[`)),
        )
        expect(list(recursiveDifference(a, b))).toEqual(below)
      }),
    )
  })
})
