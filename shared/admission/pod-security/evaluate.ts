// What a level finds wrong with a pod, in one text.
import { CHECKS, type CheckedPod, type Violation } from './checks.ts'
import type { LevelVersion } from './policy.ts'

export function violations(pod: CheckedPod, { level, minor }: LevelVersion): readonly Violation[] {
  if (level === 'privileged') return []
  const due = CHECKS.filter(check => check.since <= minor && (check.level === 'baseline' || level === 'restricted'))
  const replaced = new Set(due.map(check => check.instead))
  return due.filter(({ id }) => !replaced.has(id)).flatMap(check => check.violation(pod, minor) ?? [])
}

/** "privileged (container "c" must not ...), hostPort (...)" */
export const detailsOf = (found: readonly Violation[]): string => found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')

export const reasonsOf = (found: readonly Violation[]): string => found.map(({ reason }) => reason).join(', ')
