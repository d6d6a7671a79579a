// When an image is pulled: the values, and the default by tag.
import { type Errors, requiredOneOf } from '../validation/checks.ts'

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']

export const pullPolicy = (policy: string | undefined, field: string, errors: Errors): void =>
  requiredOneOf(policy, PULL_POLICIES, field, errors)

/**
 * "Always" for a reference with the tag "latest" or with neither tag nor digest. A reference that is none ("Bad:Name:x") counts as tagged,
 * as upstream's parser then knows no tag (pkg/util/parsers).
 */
export function defaultPullPolicy(image: string | undefined): 'Always' | 'IfNotPresent' {
  return imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
}

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*'
const DOMAIN =
  '(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const REFERENCE = new RegExp(`^((?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@(${DIGEST}))?$`)

/** A cluster uses few images, again and again. */
const tags = new Map<string, string>()

function imageTag(image: string): string {
  const known = tags.get(image)
  if (known !== undefined) return known
  const found = REFERENCE.exec(image)
  const tag = found === null ? '' : (found[2] ?? (found[3] === undefined ? 'latest' : ''))
  if (tags.size >= 1024) tags.clear()
  tags.set(image, tag)
  return tag
}
