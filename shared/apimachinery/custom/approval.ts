// Groups of the Kubernetes project itself: definitions in them say who approved them.
export const APPROVED = 'api-approved.kubernetes.io'

export interface Approval {
  readonly approved: boolean
  readonly reason: string
  readonly message: string
}

/** Undefined: the group is nobody's business. */
export function approvalOf(group: string, annotations: Readonly<Record<string, string>> | undefined): Approval | undefined {
  if (!isProtected(group)) return undefined
  const text = annotations?.[APPROVED] ?? ''
  if (text === '') {
    return {
      approved: false,
      reason: 'MissingAnnotation',
      message: `protected groups must have approval annotation "${APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111`,
    }
  }
  if (text.startsWith('unapproved'))
    return { approved: false, reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(text)}` }
  if (isUrl(text)) return { approved: true, reason: 'ApprovedAnnotation', message: `approved in ${text}` }
  return {
    approved: false,
    reason: 'InvalidAnnotation',
    message: `protected groups must have approval annotation "${APPROVED}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
  }
}

const isProtected = (group: string) => ['k8s.io', 'kubernetes.io'].some(name => group === name || group.endsWith(`.${name}`))

function isUrl(text: string): boolean {
  try {
    return new URL(text).host !== ''
  } catch {
    return false
  }
}
