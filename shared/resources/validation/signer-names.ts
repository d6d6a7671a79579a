// Names of certificate signers: "example.com/my-signer" (pkg/apis/core/validation/names.go).
import { invalid, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { bytes, type Errors, tooLong } from './checks.ts'

const MAX_DOMAIN = 253
/** A domain, a slash, and a path with room for one more label. */
const MAX_NAME = MAX_DOMAIN + 1 + 253 + 63 + 1

export function signerName(name: string, field: string, errors: Errors): void {
  if (name === '') {
    errors.push(required(field))
    return
  }
  const parts = name.split('/')
  if (parts.length !== 2) {
    errors.push(invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"))
    return
  }
  const [domain, path] = parts as [string, string]
  if (bytes(domain) > MAX_DOMAIN) errors.push(tooLong(field, MAX_DOMAIN))
  labelsOf(domain, isDNS1123Label, field, errors)
  if (!domain.includes('.')) errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'))
  labelsOf(path, isDNS1123Subdomain, field, errors)
  if (bytes(name) > MAX_NAME) errors.push(tooLong(field, MAX_NAME))
}

/** Reports the first bad label only. */
function labelsOf(text: string, check: (label: string) => string[], field: string, errors: Errors): void {
  for (const label of text.split('.')) {
    const wrong = check(label)
    for (const why of wrong) errors.push(invalid(field, text, `validating label ${JSON.stringify(label)}: ${why}`))
    if (wrong.length > 0) return
  }
}
