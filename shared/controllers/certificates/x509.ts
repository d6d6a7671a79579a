// Requests read and certificates signed. A module of its own, loaded when there is a request to answer.
import 'reflect-metadata' // x509's container needs it and leaves bringing it to us
import { createPrivateKey } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { Authority } from './authority.ts'
import type { Request } from './rules.ts'

x509.cryptoProvider.set(crypto)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY = 86_400_000
const AUTHORITY_DAYS = 3650

/** Of a usage's bit in the certificate, or of its extended usage. */
const KEY_USAGES: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'content commitment': x509.KeyUsageFlags.nonRepudiation,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
  'key agreement': x509.KeyUsageFlags.keyAgreement,
  'data encipherment': x509.KeyUsageFlags.dataEncipherment,
  'cert sign': x509.KeyUsageFlags.keyCertSign,
  'crl sign': x509.KeyUsageFlags.cRLSign,
  'encipher only': x509.KeyUsageFlags.encipherOnly,
  'decipher only': x509.KeyUsageFlags.decipherOnly,
}
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': x509.ExtendedKeyUsage.serverAuth,
  'client auth': x509.ExtendedKeyUsage.clientAuth,
  'code signing': x509.ExtendedKeyUsage.codeSigning,
  'email protection': x509.ExtendedKeyUsage.emailProtection,
  's/mime': x509.ExtendedKeyUsage.emailProtection,
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: x509.ExtendedKeyUsage.timeStamping,
  'ocsp signing': x509.ExtendedKeyUsage.ocspSigning,
}

const ALT_NAMES = '2.5.29.17'
const altNames = (request: x509.Pkcs10CertificateRequest) => request.getExtension(ALT_NAMES) as x509.SubjectAlternativeNameExtension | null

/** @throws when it is none. */
export function readRequest(pem: string): Request {
  const request = new x509.Pkcs10CertificateRequest(pem)
  return {
    commonNames: request.subjectName.getField('CN'),
    organizations: request.subjectName.getField('O'),
    names: (altNames(request)?.names.items ?? []).map(({ type, value }) => ({ type, value })),
  }
}

export interface Signing {
  readonly pem: string
  readonly usages: readonly string[]
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
}

/** Answers PEM. */
export async function sign({ pem, usages, from, to }: Signing, { certificate, key }: Authority): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(pem)
  const authority = new x509.X509Certificate(certificate)
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
  const signingKey = await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
  const bits = usages.reduce((sum, usage) => sum | (KEY_USAGES[usage] ?? 0), 0)
  const extended = usages.map(usage => EXTENDED_USAGES[usage]).filter(oid => oid !== undefined)
  const names = altNames(request)
  const signed = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: request.subjectName.toJSON(),
    issuer: authority.subjectName.toJSON(),
    notBefore: new Date(from),
    notAfter: new Date(Math.min(to, authority.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: request.publicKey,
    signingKey,
    extensions: [
      ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
      ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...new Set(extended)])]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
      ...(names === null ? [] : [new x509.SubjectAlternativeNameExtension([...names.names.items], names.critical)]),
    ],
  })
  return `${signed.toString('pem')}\n`
}

export async function makeAuthority(now: number): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=zeroplane-signing-ca',
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const pem = createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { certificate: `${made.toString('pem')}\n`, key: pem }
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0]! &= 0x7f // positive, and never all zero in practice
  return Buffer.from(bytes).toString('hex')
}
