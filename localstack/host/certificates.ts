// A certificate authority of this data folder's own, and the server certificate it signs. Both are kept: pods and kubeconfigs of an
// earlier life go on trusting the API. x509 is loaded only when something has to be signed, which a warm start does not need.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'

export interface ServerCertificate {
  /** PEM of the authority. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const DAY = 86_400_000
const CA_DAYS = 3650
const SERVER_DAYS = 825
/** A certificate is renewed when it has fewer days left. */
const RENEW_DAYS = 30
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** `names`: DNS names and IP addresses under which the API is reached. `now`: milliseconds since the epoch. */
export async function serverCertificate(dir: string, names: readonly string[], now: number): Promise<ServerCertificate> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const files = { ca: join(dir, 'ca.crt'), caKey: join(dir, 'ca.key'), cert: join(dir, 'server.crt'), key: join(dir, 'server.key') }
  if (!existsSync(files.ca) || !existsSync(files.caKey)) {
    const made = await makeAuthority(now)
    writeFileSync(files.caKey, made.key, { mode: 0o600 })
    writeFileSync(files.ca, made.cert)
  }
  const ca = readFileSync(files.ca, 'utf8')
  if (!usable(files, ca, names, now)) {
    const made = await issue(ca, readFileSync(files.caKey, 'utf8'), names, now)
    writeFileSync(files.key, made.key, { mode: 0o600 })
    writeFileSync(files.cert, made.cert)
  }
  return { ca, cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') }
}

function usable(files: { cert: string; key: string }, ca: string, names: readonly string[], now: number): boolean {
  if (!existsSync(files.cert) || !existsSync(files.key)) return false
  const certificate = new X509Certificate(readFileSync(files.cert))
  if (certificate.validToDate.getTime() - now < RENEW_DAYS * DAY || !certificate.verify(new X509Certificate(ca).publicKey)) return false
  return names.every(name => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined)
}

async function makeAuthority(now: number): Promise<{ cert: string; key: string }> {
  const x509 = await loadX509()
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=zeroplane-ca',
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + CA_DAYS * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: `${cert.toString('pem')}\n`, key: await pem(keys.privateKey) }
}

async function issue(ca: string, caKey: string, names: readonly string[], now: number): Promise<{ cert: string; key: string }> {
  const x509 = await loadX509()
  const authority = new x509.X509Certificate(ca)
  const signingKey = await crypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(caKey).export({ type: 'pkcs8', format: 'der' }),
    ALGORITHM,
    false,
    ['sign'],
  )
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=kube-apiserver',
    issuer: authority.subject,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + SERVER_DAYS * DAY),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(name => ({ type: isIP(name) ? ('ip' as const) : ('dns' as const), value: name }))),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  })
  return { cert: `${cert.toString('pem')}\n`, key: await pem(keys.privateKey) }
}

async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata') // x509's container needs it and leaves bringing it to us
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(crypto)
  return x509
}

function newKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function pem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0]! &= 0x7f // positive, and never all zero in practice
  return Buffer.from(bytes).toString('hex')
}
