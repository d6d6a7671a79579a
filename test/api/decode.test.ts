import { beforeAll, describe, expect, it } from 'vitest'
import { decode, encode, loadYaml, parse } from '../../shared/apimachinery/codec/codec.ts'
import { canonicalMicroTime, canonicalTime } from '../../shared/apimachinery/codec/time.ts'
import { schemaEngines } from '../../shared/apimachinery/schema-engines.ts'

beforeAll(loadYaml)

const json = (text: string) => parse(Buffer.from(text), 'json')
const yaml = (text: string) => parse(Buffer.from(text), 'yaml').value
const core = (kind: string) => `io.k8s.api.core.v1.${kind}`
const read = (value: unknown, kind: string) => decode(structuredClone(value), core(kind))

describe('JSON bodies', () => {
  it('names members that stand twice, and adds objects up as Go does', () => {
    const text = '{"metadata":{"name":"c","name":"d"},"unknown":1,"data":{"a":"1","a":"2"},"data":{"b":"1"},"also":{}}'
    const parsed = parse(Buffer.from(text), 'json', { apiVersion: 'v1', kind: 'ConfigMap', schema: core('ConfigMap') })
    expect(parsed.duplicates).toEqual(['duplicate field "metadata.name"', 'duplicate field "data.a"', 'duplicate field "data"'])
    const decoded = decode(parsed.value, core('ConfigMap'), parsed)
    expect(decoded.object).toEqual({ metadata: { name: 'd' }, data: { a: '2', b: '1' } })
    expect(decoded.unknown).toEqual([
      'duplicate field "metadata.name"',
      'unknown field "unknown"',
      'duplicate field "data.a"',
      'duplicate field "data"',
      'unknown field "also"',
    ])
  })

  it('lets the last one count where the type is not known', () => {
    expect(json('{"spec":{"a":1,"a":2},"spec":{"b":3}}')).toMatchObject({
      value: { spec: { b: 3 } },
      duplicates: ['duplicate field "spec.a"', 'duplicate field "spec"'],
    })
  })

  it('is not fooled by colons and quotes inside strings', () => {
    expect(json(String.raw`{"a":"x\":","b":":\\","c":{"d:":[":"]}}`).duplicates).toEqual([])
  })

  it.each([
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['[1 2]', "invalid character '2' after array element"],
    ['{"a":1}x', "invalid character 'x' after top-level value"],
    ['tru1', "invalid character '1' in literal true (expecting 'e')"],
  ])('says of %s what Go says', (text, message) => expect(() => json(text)).toThrow(message))
})

describe('YAML bodies', () => {
  it('reads scalars as upstream does', () => {
    expect(yaml('a: y\nb: "y"\nc: 0777\nd: 1e3\ne: 12:30:45\nf: 2001-01-01\ng: ~\nh: 1_000\ni: on\nj: 0x1F\nk: !!str 5\n1: x')).toEqual({
      a: true,
      b: 'y',
      c: 511,
      d: 1000,
      e: '12:30:45',
      f: '2001-01-01',
      g: null,
      h: 1000,
      i: true,
      j: 31,
      k: '5',
      1: 'x',
    })
  })

  it('follows aliases and merge keys, and reads only the first document', () => {
    expect(yaml('x: &a {b: 1, c: 1}\nz: {<<: *a, c: 2}\n---\nq: 1\n')).toEqual({ x: { b: 1, c: 1 }, z: { b: 1, c: 2 } })
  })

  it('refuses an alias that holds itself', () => expect(() => yaml('a: &a [*a]')).toThrow('contains itself'))

  it('says on which line a key stands again', () => {
    expect(parse(Buffer.from('data:\n  a: "1"\n  a: "2"\n'), 'yaml').duplicates).toEqual([
      'yaml: unmarshal errors:\n  line 3: key "a" already set in map',
    ])
  })

  it('writes what it reads', () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'y', b: '0777', c: 'x\ny\n', d: '1.0', e: 'null' } }
    expect(yaml(Buffer.from(encode(object, 'yaml')).toString())).toEqual(object)
  })
})

describe('decoding by schema', () => {
  it('names unknown fields by their path', () => {
    const { unknown, object } = read(
      { spec: { containers: [{ name: 'a', env: [{ name: 'A', val: '1' }] }], nodeSelectors: {} }, Spec: 1 },
      'Pod',
    )
    expect(unknown).toEqual(['unknown field "spec.containers[0].env[0].val"', 'unknown field "spec.nodeSelectors"', 'unknown field "Spec"'])
    expect(object).toEqual({ metadata: {}, spec: { containers: [{ name: 'a', env: [{ name: 'A' }], resources: {} }] }, status: {} })
  })

  it.each([
    ['ConfigMap', { data: { a: 1 } }, 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string'],
    ['Pod', { spec: [] }, 'json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec'],
    [
      'Pod',
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'Pod',
      { spec: { containers: [{ stdin: 'yes' }] } },
      'json: cannot unmarshal string into Go struct field Container.spec.containers.stdin of type bool',
    ],
    [
      'Pod',
      { spec: { restartPolicy: 1 } },
      'json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
    ],
    ['Pod', { spec: { priority: 1.5 } }, 'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32'],
    [
      'Pod',
      { spec: { priority: 2147483648 } },
      'json: cannot unmarshal number 2147483648 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      'Pod',
      { metadata: { creationTimestamp: 'yesterday' } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    ['Secret', { data: { a: 'not base64' } }, 'illegal base64 data at input byte 3'],
    ['Pod', { spec: { overhead: { cpu: '1x' } } }, 'quantities must match the regular expression'],
  ])('%s %j is refused as upstream words it', (kind, value, message) => expect(() => read(value, kind)).toThrow(message))

  it('leaves out what Go would, and writes what Go always writes', () => {
    expect(read({ metadata: { labels: {}, name: '' }, data: null, binaryData: {}, immutable: false }, 'ConfigMap').object).toEqual({
      metadata: {},
      immutable: false,
    })
    const role = decode({ rules: [] }, 'io.k8s.api.rbac.v1.Role').object
    expect(role).toEqual({ metadata: {} })
    const deployment = decode({ spec: { selector: null } }, 'io.k8s.api.apps.v1.Deployment').object
    expect(deployment).toEqual({ metadata: {}, spec: { strategy: {}, template: { metadata: {}, spec: {} } }, status: {} })
    for (const [object, schema] of [
      [role, 'io.k8s.api.rbac.v1.Role'],
      [deployment, 'io.k8s.api.apps.v1.Deployment'],
    ] as const)
      schemaEngines.complete(object, schema)
    expect(role).toEqual({ metadata: {}, rules: null })
    expect(deployment).toMatchObject({ spec: { selector: null, template: { spec: { containers: null } } } })
  })

  it('takes null items as zero values', () => {
    expect(read({ spec: { containers: [null], volumes: null } }, 'Pod').object).toMatchObject({
      spec: { containers: [{ name: '', resources: {} }] },
    })
  })

  it('keeps zero where Go has a pointer, and drops it elsewhere', () => {
    const { object } = read(
      { spec: { terminationGracePeriodSeconds: 0, hostNetwork: false, enableServiceLinks: false, containers: [] } },
      'Pod',
    )
    expect(object).toMatchObject({ spec: { terminationGracePeriodSeconds: 0, enableServiceLinks: false } })
    expect(object).not.toHaveProperty('spec.hostNetwork')
  })

  it('leaves a target port that is not said to its default', () => {
    expect(read({ spec: { ports: [{ port: 80, targetPort: 0 }] } }, 'Service').object).toMatchObject({ spec: { ports: [{ port: 80 }] } })
  })

  it('makes quantities canonical', () => {
    const resources = { limits: { cpu: '1000m', memory: 1024 } }
    expect(read({ spec: { containers: [{ name: 'a', resources }] } }, 'Pod').object).toMatchObject({
      spec: { containers: [{ resources: { limits: { cpu: '1', memory: '1024' } } }] },
    })
  })

  it('does not let a member named __proto__ change anything', () => {
    const parsed = json('{"data":{"__proto__":"x"},"__proto__":{"polluted":1}}')
    const { object, unknown } = decode(parsed.value, core('ConfigMap'))
    expect(Object.keys((object as unknown as { data: object }).data)).toEqual(['__proto__'])
    expect(unknown).toEqual(['unknown field "__proto__"'])
    expect((object as unknown as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('times', () => {
  it.each([
    ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05Z'],
    ['2024-01-02T03:04:05.999Z', '2024-01-02T03:04:05Z'],
    ['2024-01-02T03:04:05+02:00', '2024-01-02T01:04:05Z'],
    ['2024-02-29T23:59:59-01:30', '2024-03-01T01:29:59Z'],
    ['0001-01-01T00:00:00Z', null],
  ])('%s is written as %s', (text, canonical) => expect(canonicalTime(text)).toBe(canonical))

  it.each([
    ['2024-13-01T00:00:00Z', 'month out of range'],
    ['2023-02-29T00:00:00Z', 'day out of range'],
    ['2024-01-01T24:00:00Z', 'hour out of range'],
    ['2024-01-01 00:00:00Z', 'cannot parse " 00:00:00Z" as "T"'],
    ['2024-01-01T00:00:00', 'cannot parse "" as "Z07:00"'],
    ['2024-01-01T00:00:00Zx', 'extra text: "x"'],
  ])('%s is refused: %s', (text, why) => expect(() => canonicalTime(text)).toThrow(why))

  it('wants six digits of a MicroTime', () => {
    expect(canonicalMicroTime('2024-01-02T03:04:05.000006+01:00')).toBe('2024-01-02T02:04:05.000006Z')
    expect(() => canonicalMicroTime('2024-01-02T03:04:05Z')).toThrow('as ".000000"')
  })
})
