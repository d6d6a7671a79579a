// Whether a certificate and a private key, both PEM, belong together, in the words of Go's crypto/tls.
import { createPrivateKey, X509Certificate } from 'node:crypto'

interface Block {
  readonly type: string
  readonly text: string
}

const BLOCK = /-----BEGIN ([^-\n]+)-----\r?\n[\s\S]*?-----END \1-----/g

const blocksOf = (pem: string): readonly Block[] =>
  Array.from(pem.matchAll(BLOCK), ([text, type]) => ({ type: type as string, text: text as string }))

const isKey = (type: string) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY')
const types = (blocks: readonly Block[]) => `[${blocks.map(({ type }) => type).join(' ')}]`

export function keyPairProblem(certificate: string, key: string): string | undefined {
  const inCertificate = blocksOf(certificate)
  const leaf = inCertificate.find(({ type }) => type === 'CERTIFICATE')
  if (leaf === undefined) {
    if (inCertificate.length === 0) return 'tls: failed to find any PEM data in certificate input'
    if (inCertificate.length === 1 && isKey(inCertificate[0]?.type ?? ''))
      return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'
    return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: ${types(inCertificate)}`
  }
  const inKey = blocksOf(key)
  const secret = inKey.find(({ type }) => isKey(type))
  if (secret === undefined) {
    if (inKey.length === 0) return 'tls: failed to find any PEM data in key input'
    if (inKey.length === 1 && inKey[0]?.type === 'CERTIFICATE')
      return 'tls: found a certificate rather than a key in the PEM for the private key'
    return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: ${types(inKey)}`
  }
  return mismatch(leaf.text, secret.text)
}

function mismatch(certificate: string, key: string): string | undefined {
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(certificate)
  } catch {
    return 'x509: malformed certificate'
  }
  try {
    return parsed.checkPrivateKey(createPrivateKey(key)) ? undefined : 'tls: private key does not match public key'
  } catch {
    return 'tls: failed to parse private key'
  }
}
