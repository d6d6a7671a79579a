// Writes shared/apimachinery/schema/generated.ts: what the server must know of every API type at run time, as one string per group
// version, from scripts/facts (schema.json: the OpenAPI document's facts; go-types.json: Go's). Run by `npm run generate`.
//
// The notation (read by shared/apimachinery/schema/notation.ts) is made to be small, and quick to parse one definition at a time:
//
//   apps/v1                                               group version
//   DaemonSet!:kind:s;apiVersion:s;metadata:@meta/v1.ObjectMeta #1;...
//
//   line   name, then ! when it is a kind, ~ when it is merged as a whole; then fields
//   field  name ":" type [" " modifiers ["=" default as JSON]]
//   type   s string, b bool, i int32, l int64, d double, y bytes, t Time, u MicroTime, D Duration, q Quantity, x IntOrString,
//          r RawExtension, f FieldsV1, j any JSON, A B C JSONSchemaPropsOr{Array,Bool,StringArray}, I any;
//          [T list, {T map by string, %T list inside a protobuf message of its own, @name reference (group/version.Name elsewhere)
//          <name>T: Go calls the type so; without a dot the name is in the struct's own package
//   modifiers, in this order
//          * pointer  ! written even when empty  z left out when zero  R required
//          L list type: a, s or m(keys)  M map type: a or g  P patch strategy: m, k, mk or r  ^ merge key  # protobuf numbers, outer first
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Property {
  type?: string
  ref?: string
  items?: Property
  additionalProperties?: Property | boolean
  properties?: Record<string, Property>
  required?: string[]
  default?: unknown
  'list-type'?: 'atomic' | 'set' | 'map'
  'list-map-keys'?: string[]
  'map-type'?: 'atomic' | 'granular'
  'patch-strategy'?: string
  'patch-merge-key'?: string
}

interface GoField {
  name: string
  type: string
  pointer?: boolean
  omit?: boolean
  omitZero?: boolean
  number?: number
  inline?: boolean
  patchStrategy?: string
  patchMergeKey?: string
}

const root = join(import.meta.dirname, '..')
const facts = <T>(name: string) => JSON.parse(readFileSync(join(root, 'scripts/facts', name), 'utf8')) as T
const { definitions } = facts<{ definitions: Record<string, Property> }>('schema.json')
const { structs, kinds } = facts<{ structs: Record<string, GoField[]>; kinds: Record<string, string[]> }>('go-types.json')

const SCALARS: Record<string, string> = {
  string: 's',
  bool: 'b',
  int32: 'i',
  int64: 'l',
  int: 'l',
  float64: 'd',
  bytes: 'y',
  interface: 'I',
}
const META = 'k8s.io/apimachinery/pkg/apis/meta/v1'
const EXTENSIONS = 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions'
const SPECIAL: Record<string, string> = {
  [`${META}.Time`]: 't',
  [`${META}.MicroTime`]: 'u',
  [`${META}.Duration`]: 'D',
  [`${META}.FieldsV1`]: 'f',
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'q',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'x',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'r',
  ...Object.fromEntries(
    ['v1', 'v1beta1'].flatMap(v => [
      [`${EXTENSIONS}/${v}.JSON`, 'j'],
      [`${EXTENSIONS}/${v}.JSONSchemaPropsOrArray`, 'A'],
      [`${EXTENSIONS}/${v}.JSONSchemaPropsOrBool`, 'B'],
      [`${EXTENSIONS}/${v}.JSONSchemaPropsOrStringArray`, 'C'],
    ]),
  ),
}

/** k8s.io/api/apps/v1.Deployment -> [apps/v1, Deployment] */
function place(goName: string): [module: string, name: string] {
  const dot = goName.lastIndexOf('.')
  return [goName.slice(0, dot).split('/').slice(-2).join('/'), goName.slice(dot + 1)]
}

const definitionName = (goName: string) => `io.${goName.replace('k8s.io/', 'k8s.').replaceAll('/', '.')}`

/** The definition that says what Go does not: its own, or for types that are no longer served the newest one of the same name. */
function published(goName: string): Property | undefined {
  const own = definitions[definitionName(goName)]
  if (own) return own
  const [module, name] = place(goName)
  const [group] = module.split('/')
  const candidates = Object.keys(definitions).filter(n => n.endsWith(`.${name}`) && !/\.v\d+(alpha|beta)\d+\.[^.]+$/.test(n))
  const near = candidates.find(n => n.includes(`.${group}.`)) ?? candidates[0]
  return near === undefined ? undefined : definitions[near]
}

function encodeType(type: string, module: string): string {
  const named = /^<([^>]+)>(.*)$/.exec(type)
  if (named) return `<${shortName(named[1]!, module)}>${encodeType(named[2]!, module)}`
  const head = type[0]!
  if (head === '[' || head === '{' || head === '%') return head + encodeType(type.slice(1), module)
  if (head === '~') return encodeType(type.slice(1), module)
  if (head === '@') {
    const goName = type.slice(1)
    const special = SPECIAL[goName]
    if (special) return special
    const [target, name] = place(goName)
    return `@${target === module ? name : `${target}.${name}`}`
  }
  const scalar = SCALARS[type]
  if (!scalar) throw new Error(`no notation for ${type}`)
  return scalar
}

/** v1.PullPolicy -> PullPolicy inside a v1 package. */
function shortName(goName: string, module: string): string {
  const [pkg, name] = goName.split('.') as [string, string]
  return module.endsWith(`/${pkg}`) ? name : goName
}

const STRATEGIES: Record<string, string> = { merge: 'm', retainKeys: 'k', 'merge,retainKeys': 'mk', replace: 'r' }

interface Flat extends GoField {
  numbers: number[]
}

/** Fields as JSON shows them: those of embedded structs stand among the others. */
function flatten(goName: string, outer: number[] | null = []): Flat[] {
  return structs[goName]!.flatMap(field => {
    // Embedded without a number of its own, as TypeMeta is: the envelope says apiVersion and kind, the message does not.
    const numbers = field.number && outer ? [...outer, field.number] : null
    return field.inline ? flatten(field.type.slice(1), numbers) : [{ ...field, numbers: numbers ?? [] }]
  })
}

/** `borrowed`: the owner is another version's, which may ask for more than this one did. */
function encodeField(field: Flat, module: string, owner: Property | undefined, borrowed: boolean): string {
  const property = owner?.properties?.[field.name]
  const list = property?.['list-type']
  const map = property?.['map-type']
  const strategy = field.patchStrategy ?? property?.['patch-strategy']
  const mergeKey = field.patchMergeKey ?? property?.['patch-merge-key']
  const required = owner?.properties ? owner.required?.includes(field.name) && !(borrowed && field.omit) : !field.omit
  const fallback = property?.default
  const trivial = fallback === undefined || ['""', '0', 'false', '{}'].includes(JSON.stringify(fallback))
  const modifiers = [
    field.pointer ? '*' : '',
    !field.omit && !field.omitZero ? '!' : '',
    field.omitZero ? 'z' : '',
    required ? 'R' : '',
    list === 'atomic' ? 'La' : list === 'set' ? 'Ls' : list === 'map' ? `Lm(${property!['list-map-keys']!.join(',')})` : '',
    map ? `M${map[0]}` : '',
    strategy ? `P${STRATEGIES[strategy]}` : '',
    mergeKey ? `^${mergeKey}` : '',
    field.numbers.length ? `#${field.numbers.join('/')}` : '',
    trivial ? '' : `=${JSON.stringify(fallback)}`,
  ].join('')
  if (/[ ;]/.test(modifiers)) throw new Error(`${field.name}: the notation cannot hold ${modifiers}`)
  return `${field.name}:${encodeType(field.type, module)}${modifiers && ` ${modifiers}`}`
}

const modules = new Map<string, { groupVersion: string; lines: string[] }>()
const groupVersions = new Map<string, string>()
for (const [goName, served] of Object.entries(kinds)) {
  const [module] = place(goName)
  for (const kind of served)
    if (kind.split(' ')[1] === place(goName)[1] && !groupVersions.has(module)) groupVersions.set(module, kind.split(' ')[0]!)
}

for (const goName of Object.keys(structs).sort()) {
  if (SPECIAL[goName]) continue
  const [module, name] = place(goName)
  const target = modules.get(module) ?? { groupVersion: groupVersions.get(module) ?? 'v1', lines: [] }
  modules.set(module, target)
  const definition = published(goName)
  const isKind =
    kinds[goName]?.some(kind => kind.endsWith(` ${name}`)) || structs[goName]!.some(f => f.inline && f.type === `@${META}.TypeMeta`)
  const atomic = definition?.['map-type'] === 'atomic'
  const borrowed = definitions[definitionName(goName)] === undefined
  const fields = flatten(goName).map(field => encodeField(field, module, definition, borrowed))
  target.lines.push(`${name}${isKind ? '!' : ''}${atomic ? '~' : ''}:${fields.join(';')}`)
}

const body = [...modules]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(
    ([module, { groupVersion, lines }]) =>
      `  '${module}': \`${[groupVersion, ...lines].join('\n').replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\`,\n`,
  )
const text = `// Generated by scripts/generate-schema.ts from scripts/facts. Do not edit.\nexport const MODULES: Readonly<Record<string, string>> = {\n${body.join('')}}\n`
writeFileSync(join(root, 'shared/apimachinery/schema/generated.ts'), text)
console.log(
  `${modules.size} group versions, ${[...modules.values()].reduce((n, m) => n + m.lines.length, 0)} definitions, ${Math.round(text.length / 1024)} KiB`,
)
