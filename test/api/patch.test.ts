import { describe, expect, it } from 'vitest'
import { PatchError } from '../../shared/apimachinery/engines.ts'
import { jsonPatch } from '../../shared/apimachinery/patch/json-patch.ts'
import { mergePatch } from '../../shared/apimachinery/patch/merge-patch.ts'
import { strategicMergePatch } from '../../shared/apimachinery/patch/strategic-merge-patch.ts'
import { schemaOf } from '../../shared/apimachinery/schema/schemas.ts'

const pod = (document: unknown, patch: unknown) => {
  const before = structuredClone(document)
  const patched = strategicMergePatch(document, patch, schemaOf('io.k8s.api.core.v1.Pod'))
  expect(document).toEqual(before)
  return patched
}
const containers = (...list: unknown[]) => ({ spec: { containers: list } })

describe('strategic merge patch', () => {
  it('merges containers by name, those of the patch first', () => {
    expect(
      pod(
        containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
        containers({ name: 'c', image: '3' }, { name: 'b', image: '2' }),
      ),
    ).toEqual(containers({ name: 'c', image: '3' }, { name: 'a', image: '1' }, { name: 'b', image: '2' }))
  })

  it('puts items in the order asked for and leaves the server its own', () => {
    expect(
      pod(containers({ name: 'a' }, { name: 'side' }, { name: 'b' }), {
        spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'b', image: '2' }] },
      }),
    ).toEqual(containers({ name: 'side' }, { name: 'b', image: '2' }, { name: 'a' }))
  })

  it('deletes an item, empties a map, replaces a list', () => {
    expect(pod(containers({ name: 'a' }, { name: 'b' }), containers({ $patch: 'delete', name: 'a' }))).toEqual(containers({ name: 'b' }))
    expect(pod({ spec: { nodeSelector: { a: '1' } } }, { spec: { nodeSelector: { $patch: 'replace', b: '1' } } })).toEqual({
      spec: { nodeSelector: { b: '1' } },
    })
    expect(pod({ spec: { nodeSelector: { a: '1' } } }, { spec: { nodeSelector: { $patch: 'delete' } } })).toEqual({
      spec: { nodeSelector: {} },
    })
    expect(pod(containers({ name: 'a' }), containers({ $patch: 'replace' }, { name: 'z' }))).toEqual(containers({ name: 'z' }))
  })

  it('keeps only the members named by $retainKeys', () => {
    const volumes = (...list: unknown[]) => ({ spec: { volumes: list } })
    expect(
      pod(volumes({ name: 'v', emptyDir: {} }), volumes({ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } })),
    ).toEqual(volumes({ name: 'v', configMap: { name: 'c' } }))
    expect(() => pod(volumes({ name: 'v' }), volumes({ name: 'v', $retainKeys: ['name'], emptyDir: {} }))).toThrow(
      'invalid patch format of retainKeys',
    )
  })

  it('adds to and takes from lists of scalars that merge', () => {
    const finalizers = (...list: string[]) => ({ metadata: { finalizers: list } })
    expect(pod(finalizers('a/1', 'a/2'), finalizers('a/3'))).toEqual(finalizers('a/3', 'a/1', 'a/2'))
    expect(pod(finalizers('a/1', 'a/2'), { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/1'] } })).toEqual(finalizers('a/2'))
  })

  it('replaces lists that do not merge', () => {
    expect(pod({ spec: { tolerations: [{ key: 'a' }] } }, { spec: { tolerations: [{ key: 'b' }] } })).toEqual({
      spec: { tolerations: [{ key: 'b' }] },
    })
  })

  it('takes nulls for removal, and brings none along', () => {
    expect(pod({ spec: { hostname: 'h' } }, { spec: { hostname: null, affinity: { nodeAffinity: null } } })).toEqual({
      spec: { affinity: {} },
    })
  })

  it.each([
    [containers({ image: 'x' }), 500, 'map: map[image:x] does not contain declared merge key: name'],
    [containers({ name: 'a', $patch: 'merge' }), 500, 'merging lists cannot yet be specified in the patch'],
    [{ metadata: { $patch: 'frob', a: [1, 'x'] } }, 500, 'unknown patch type: frob in map: map[$patch:frob a:[1 x]]'],
    [
      { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a' }, { name: 'b' }] } },
      500,
      "The order in patch list:\n[map[name:a] map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:b] map[name:a]]\n",
    ],
    [{ spec: { $setElementOrder: [] } }, 400, 'invalid patch format of setElementOrder list'],
    [[], 400, 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ])('%j is refused with %i', (patch, code, message) => {
    try {
      pod({ metadata: { a: {} }, ...containers({ name: 'a' }, { name: 'b' }) }, patch)
    } catch (error) {
      expect(error).toBeInstanceOf(PatchError)
      expect(error).toMatchObject({ code, message })
      return
    }
    expect.unreachable()
  })
})

describe('JSON patch', () => {
  const document = { a: { b: [1, 2, 3], 'x/y': 1, 'm~n': 2 } }

  it('applies all operations to a copy', () => {
    const patched = jsonPatch(document, [
      { op: 'add', path: '/a/b/-', value: 4 },
      { op: 'add', path: '/a/b/0', value: 0 },
      { op: 'remove', path: '/a/b/-1' },
      { op: 'replace', path: '/a/new', value: 'added all the same' },
      { op: 'move', from: '/a/x~1y', path: '/a/m~0n' },
      { op: 'copy', from: '/a/b', path: '/c' },
      { op: 'test', path: '/c', value: [0, 1, 2, 3] },
      { op: 'test', path: '/nowhere', value: null },
    ])
    expect(patched).toEqual({ a: { b: [0, 1, 2, 3], 'm~n': 1, new: 'added all the same' }, c: [0, 1, 2, 3] })
    expect(document).toEqual({ a: { b: [1, 2, 3], 'x/y': 1, 'm~n': 2 } })
  })

  it.each([
    [{ op: 'test', path: '/a/b/0', value: 9 }, 'testing value /a/b/0 failed: test failed'],
    [{ op: 'remove', path: '/a/none' }, "error in remove for path: '/a/none': Unable to remove nonexistent key: none: missing value"],
    [{ op: 'add', path: '/x/y', value: 1 }, 'add operation does not apply: doc is missing path: "/x/y": missing value'],
    [
      { op: 'add', path: '/a/b/9', value: 1 },
      "error in add for path: '/a/b/9': Unable to access invalid index: 9: invalid index referenced",
    ],
    [{ op: 'replace', path: '/a/b/9', value: 1 }, 'replace operation does not apply: doc is missing key: /a/b/9: missing value'],
    [{ op: 'frob', path: '/a' }, 'Unexpected kind: frob'],
  ])('%j does not apply', (operation, message) => expect(() => jsonPatch(document, [operation])).toThrow(message))

  it('is a list', () => {
    expect(() => jsonPatch({}, {})).toThrow('cannot unmarshal object')
    expect(jsonPatch({ a: 1 }, null)).toEqual({ a: 1 })
  })

  it('cannot reach a prototype', () => {
    expect(() => jsonPatch({}, [{ op: 'add', path: '/__proto__/x', value: 1 }])).toThrow('missing path')
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

describe('merge patch', () => {
  it('merges objects, replaces lists, removes what is null', () => {
    expect(mergePatch({ a: { b: 1, c: 2 }, l: [1] }, { a: { b: null, d: { e: null, f: 1 } }, l: [2, { x: null, y: 1 }] })).toEqual({
      a: { c: 2, d: { f: 1 } },
      l: [2, { y: 1 }],
    })
  })

  it.each([null, 1, [], 'x'])('refuses %j', patch => expect(() => mergePatch({}, patch)).toThrow('Invalid JSON Patch'))
})
