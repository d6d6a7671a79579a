// Which Pod Security Standard a namespace asks for, by its labels (k8s.io/pod-security-admission/api).
import { type FieldError, invalid } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'

export type Level = 'privileged' | 'baseline' | 'restricted'

export interface LevelVersion {
  readonly level: Level
  /** Minor version of Kubernetes whose standard counts; Infinity is the latest. */
  readonly minor: number
}

export interface Policy {
  readonly enforce: LevelVersion
  readonly audit: LevelVersion
  readonly warn: LevelVersion
}

const PREFIX = 'pod-security.kubernetes.io/'
const LEVELS: readonly Level[] = ['privileged', 'baseline', 'restricted']
const PRIVILEGED: LevelVersion = { level: 'privileged', minor: Number.POSITIVE_INFINITY }

type Labels = Readonly<Record<string, string>> | undefined
type Mode = 'enforce' | 'warn' | 'audit'

/** Whether there is anything to read: most namespaces say nothing, and nothing is loaded for them. */
export const hasPolicy = (labels: Labels): boolean => Object.keys(labels ?? {}).some(label => label.startsWith(PREFIX))

/** "restricted:v1.20" */
export const policyText = ({ level, minor }: LevelVersion): string =>
  `${level}:${minor === Number.POSITIVE_INFINITY ? 'latest' : `v1.${minor}`}`

/** What cannot be read is as strict as can be, and an error. */
export function readPolicy(labels: Labels): { readonly policy: Policy; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = []
  const modes = { enforce: read('enforce'), audit: read('audit'), warn: read('warn') }
  const enforce = { ...PRIVILEGED, ...modes.enforce }
  // Who enforces a level and says nothing about warnings wants to be warned of what will be refused.
  const byEnforce = modes.warn.level === undefined && modes.enforce.level !== undefined && isWrong('enforce') === false
  const warn = byEnforce ? { ...enforce, ...modes.warn } : { ...PRIVILEGED, ...modes.warn }
  return { policy: { enforce, warn, audit: { ...PRIVILEGED, ...modes.audit } }, errors }

  function isWrong(mode: Mode): boolean {
    return errors.some(({ field }) => field === fieldOf(mode))
  }

  function read(mode: Mode): Partial<LevelVersion> {
    const found: { level?: Level; minor?: number } = {}
    const level = member(labels, PREFIX + mode)
    if (level !== undefined) {
      const known = LEVELS.find(one => one === level)
      if (known === undefined) errors.push(invalid(fieldOf(mode), level, `must be one of ${LEVELS.join(', ')}`))
      found.level = known ?? 'restricted'
    }
    const version = member(labels, `${PREFIX}${mode}-version`)
    if (version !== undefined) {
      const minor = /^v1\.(\d|[1-9]\d*)$/.exec(version)?.[1]
      if (minor === undefined && version !== 'latest')
        errors.push(invalid(fieldOf(`${mode}-version`), version, 'must be "latest" or "v1.x"'))
      found.minor = minor === undefined ? Number.POSITIVE_INFINITY : Number(minor)
    }
    return found
  }
}

const fieldOf = (label: string) => `metadata.labels[${PREFIX}${label}]`

/** Whether a pod that the old level let through can be refused by the new one. */
export const isStricter = (now: LevelVersion, before: LevelVersion): boolean =>
  now.level !== 'privileged' && (now.minor !== before.minor || LEVELS.indexOf(now.level) > LEVELS.indexOf(before.level))
