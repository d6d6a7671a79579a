// Rules for names, label keys and label values, worded as upstream words them (k8s.io/apimachinery/pkg/util/validation).
// Each function answers what is wrong, and nothing when the text is fine.

const ALNUM = 'must start and end with an alphanumeric character'
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'

const labelRegexp = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const label1035Regexp = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const subdomainRegexp = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualifiedRegexp = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const valueRegexp = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/

const bytes = (text: string) => Buffer.byteLength(text)
const longer = (max: number, unit: 'bytes' | 'characters') => `must be no more than ${max} ${unit}`

/** Upstream's sentence about a pattern, examples included (it separates more than two with a comma and two spaces). */
function pattern(what: string, regexp: string, ...examples: string[]): string {
  return `${what} (e.g. ${examples.map(example => `'${example}'`).join(',  or ')}, regex used for validation is '${regexp}')`
}

const subdomainText = pattern(
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and ${ALNUM}`,
  SUBDOMAIN,
  'example.com',
)
const labelText = pattern(
  `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and ${ALNUM}`,
  LABEL,
  'my-name',
  '123-abc',
)
const label1035Text = pattern(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035,
  'my-name',
  'abc-123',
)
const qualifiedText = `must consist of alphanumeric characters, '-', '_' or '.', and ${ALNUM}`
const qualifiedExamples = ['MyName', 'my.name', '123-abc']

/** Upstream counts characters where it means a name, and bytes where it means a part of a label; both are bytes. */
export function isDNS1123Subdomain(text: string, unit: 'bytes' | 'characters' = 'characters'): string[] {
  const errors: string[] = []
  if (bytes(text) > 253) errors.push(longer(253, unit))
  if (!subdomainRegexp.test(text)) errors.push(subdomainText)
  return errors
}

export function isDNS1123Label(text: string): string[] {
  const errors: string[] = []
  if (bytes(text) > 63) errors.push(longer(63, 'characters'))
  if (!labelRegexp.test(text)) errors.push(subdomainRegexp.test(text) ? 'must not contain dots' : labelText)
  return errors
}

export function isDNS1035Label(text: string): string[] {
  const errors: string[] = []
  if (bytes(text) > 63) errors.push(longer(63, 'characters'))
  if (!label1035Regexp.test(text)) errors.push(label1035Text)
  return errors
}

/** A name that may stand in a path, which is all that RBAC objects ask for. */
export function isPathSegmentName(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`]
  return ['/', '%'].filter(char => text.includes(char)).map(char => `may not contain '${char}'`)
}

/** Annotation keys, resource names, condition types: [prefix/]name. */
export const isQualifiedName = (text: string) => qualified(text, 'a qualified name')

/** The same as a qualified name; only the sentence about too many slashes differs. */
export const isLabelKey = (text: string) => qualified(text, 'a valid label key')

function qualified(text: string, what: string): string[] {
  const parts = text.split('/')
  if (parts.length > 2) {
    return [
      `${pattern(`${what} ${qualifiedText}`, QUALIFIED, ...qualifiedExamples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const errors: string[] = []
  const name = parts.at(-1) ?? ''
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') errors.push('prefix part must be non-empty')
    else errors.push(...isDNS1123Subdomain(prefix, 'bytes').map(error => `prefix part ${error}`))
  }
  if (name === '') errors.push('name part must be non-empty')
  else if (bytes(name) > 63) errors.push(`name part ${longer(63, 'bytes')}`)
  if (!qualifiedRegexp.test(name)) errors.push(`name part ${pattern(qualifiedText, QUALIFIED, ...qualifiedExamples)}`)
  return errors
}

export function isLabelValue(text: string): string[] {
  const errors: string[] = []
  if (bytes(text) > 63) errors.push(longer(63, 'bytes'))
  if (!valueRegexp.test(text)) {
    errors.push(
      pattern(
        `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and ${ALNUM}`,
        VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    )
  }
  return errors
}
