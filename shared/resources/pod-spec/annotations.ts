// Annotations of pods that mean something, the older spellings of fields among them (pkg/apis/core/validation).
import type { Container, PodSpec, SeccompProfile, Toleration } from '../../api/core/v1.ts'
import type { ObjectMeta } from '../../api/meta/v1.ts'
import { forbidden, invalid } from '../../apimachinery/field-error.ts'
import { type Errors, MAX_INT32, relativePath } from '../validation/checks.ts'
import { validateTolerations } from './affinity.ts'
import { visitContainers } from './visit.ts'

export const MIRROR = 'kubernetes.io/config.mirror'
const TOLERATIONS = 'scheduler.alpha.kubernetes.io/tolerations'
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
export const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/'

type Annotations = Readonly<Record<string, string>> | undefined

export function podAnnotations(annotations: Annotations, spec: PodSpec, field: string, errors: Errors): void {
  if (annotations === undefined) return
  const mirror = annotations[MIRROR]
  if (mirror !== undefined && !spec.nodeName)
    errors.push(invalid(`${field}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'))
  if (annotations[TOLERATIONS]) annotatedTolerations(annotations[TOLERATIONS], field, errors)
  const cost = annotations[DELETION_COST]
  if (cost !== undefined && !isDeletionCost(cost)) errors.push(invalid(`${field}[${DELETION_COST}]`, cost, 'must be a 32bit integer'))
  if (annotations[SECCOMP_POD] !== undefined) seccompText(annotations[SECCOMP_POD], `${field}.${SECCOMP_POD}`, errors)
  for (const key in annotations) {
    if (key.startsWith(SECCOMP_CONTAINER)) seccompText(annotations[key] as string, `${field}.${key}`, errors)
  }
  for (const key in annotations) {
    if (key.startsWith(APPARMOR)) appArmorText(key.slice(APPARMOR.length), annotations[key] as string, spec, `${field}[${key}]`, errors)
  }
}

/** As it is written by a number printer: no plus, no zeros in front. */
const isDeletionCost = (text: string) => {
  const value = Number(text)
  return /^(-?[1-9]\d*|0)$/.test(text) && value >= -MAX_INT32 - 1 && value <= MAX_INT32
}

function annotatedTolerations(text: string, field: string, errors: Errors): void {
  let tolerations: Toleration[]
  try {
    tolerations = JSON.parse(text) as Toleration[]
  } catch (error) {
    errors.push(invalid(field, TOLERATIONS, (error as Error).message))
    return
  }
  if (Array.isArray(tolerations)) validateTolerations(tolerations, `${field}.${TOLERATIONS}`, errors)
}

function seccompText(profile: string, field: string, errors: Errors): void {
  if (profile === 'runtime/default' || profile === 'docker/default' || profile === 'unconfined') return
  if (profile.startsWith('localhost/')) relativePath(profile.slice('localhost/'.length), field, errors)
  else errors.push(invalid(field, profile, 'must be a valid seccomp profile'))
}

function appArmorText(container: string, profile: string, spec: PodSpec, field: string, errors: Errors): void {
  let found = false
  visitContainers(spec, '', ({ name }) => {
    if (name === container) found = true
  })
  if (!found) errors.push(invalid(field, container, 'container not found'))
  if (profile !== '' && profile !== 'runtime/default' && profile !== 'unconfined' && !profile.startsWith('localhost/'))
    errors.push(invalid(field, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`))
}

/** Neither may be added, changed or removed once a pod is there. */
export function fixedAnnotations(annotations: Annotations, old: Annotations, field: string, errors: Errors): void {
  for (const [key, value] of Object.entries(old ?? {})) {
    if (annotations?.[key] === value) continue
    if (key.startsWith(APPARMOR)) errors.push(forbidden(`${field}[${key}]`, 'may not remove or update AppArmor annotations'))
    if (key === MIRROR) errors.push(forbidden(`${field}[${key}]`, 'may not remove or update mirror pod annotation'))
  }
  for (const key of Object.keys(annotations ?? {})) {
    if (old?.[key] !== undefined) continue
    if (key.startsWith(APPARMOR)) errors.push(forbidden(`${field}[${key}]`, 'may not add AppArmor annotations'))
    if (key === MIRROR) errors.push(forbidden(`${field}[${key}]`, 'may not add mirror pod annotation'))
  }
}

interface Profile {
  readonly type?: string
  readonly localhostProfile?: string
}

/** Where both the annotation and the field are given, they say the same. */
export function annotationsMatchFields(metadata: Partial<ObjectMeta> | undefined, spec: PodSpec, field: string, errors: Errors): void {
  const annotations = metadata?.annotations
  if (annotations === undefined) return
  const podSeccomp = spec.securityContext?.seccompProfile
  match(annotations[SECCOMP_POD], podSeccomp, 'seccomp', `${field}.securityContext.seccompProfile`, errors)
  visitContainers(spec, field, ({ name, securityContext }: Container, at) => {
    const profile: SeccompProfile | undefined = securityContext?.seccompProfile
    match(annotations[SECCOMP_CONTAINER + name], profile, 'seccomp', `${at}.securityContext.seccompProfile`, errors)
  })
  if (spec.os?.name === 'windows') return
  visitContainers(spec, field, ({ name, securityContext }: Container, at) => {
    const profile = securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile
    match(annotations[APPARMOR + name], profile, 'apparmor', `${at}.securityContext.appArmorProfile`, errors)
  })
}

function match(text: string | undefined, profile: Profile | undefined, what: string, field: string, errors: Errors): void {
  if (text === undefined || profile === undefined) return
  const { type } = profile
  const sameType =
    type === 'Unconfined'
      ? text === 'unconfined'
      : type === 'RuntimeDefault'
        ? text === 'runtime/default' || (what === 'seccomp' && text === 'docker/default')
        : type === 'Localhost'
          ? text.startsWith('localhost/')
          : true
  if (!sameType) errors.push(forbidden(`${field}.type`, `${what} type in annotation and field must match`))
  else if (type === 'Localhost' && text.slice('localhost/'.length) !== profile.localhostProfile)
    errors.push(forbidden(`${field}.localhostProfile`, `${what} profile in annotation and field must match`))
}
