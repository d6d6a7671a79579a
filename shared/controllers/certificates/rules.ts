// What each of the built-in signers signs. Pure (k8s.io/kubernetes pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go).

export const SIGNERS = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacy: 'kubernetes.io/legacy-unknown',
} as const

/** What a request for a certificate says, decoded. */
export interface Request {
  readonly commonNames: readonly string[]
  readonly organizations: readonly string[]
  readonly names: readonly { readonly type: string; readonly value: string }[]
}

const NODES = 'system:nodes'
const NODE = 'system:node:'
const SIGNATURE = 'digital signature'
const ENCIPHERMENT = 'key encipherment'

/** Why the signer does not sign it; undefined when it does. */
export function objection(signer: string, request: Request, usages: readonly string[]): string | undefined {
  switch (signer) {
    case SIGNERS.client:
      return clientUsages(usages)
    case SIGNERS.kubeletClient:
      return nodeSubject(request) ?? forbidden(request, ['dns', 'email', 'ip', 'url']) ?? exactUsages(usages, 'client auth')
    case SIGNERS.kubeletServing:
      return servingNames(request) ?? forbidden(request, ['email', 'url']) ?? exactUsages(usages, 'server auth') ?? nodeName(request)
    default:
      return undefined
  }
}

function clientUsages(usages: readonly string[]): string | undefined {
  const other = usages.find(usage => ![SIGNATURE, ENCIPHERMENT, 'client auth'].includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

function exactUsages(usages: readonly string[], auth: string): string | undefined {
  const wanted = [SIGNATURE, auth].sort()
  const given = new Set(usages.filter(usage => usage !== ENCIPHERMENT))
  return given.size === 2 && wanted.every(usage => given.has(usage)) ? undefined : `usages did not match [${wanted.join(' ')}]`
}

const inNodes = ({ organizations }: Request) =>
  organizations.length === 1 && organizations[0] === NODES ? undefined : `subject organization is not ${NODES}`

const nodeName = ({ commonNames }: Request) =>
  commonNames[0]?.startsWith(NODE) ? undefined : `subject common name does not begin with ${NODE}`

const nodeSubject = (request: Request) => inNodes(request) ?? nodeName(request)

const servingNames = (request: Request) =>
  inNodes(request) ??
  (request.names.some(({ type }) => type === 'dns' || type === 'ip') ? undefined : 'DNS or IP subjectAltName is required')

const WORDS: Readonly<Record<string, string>> = { dns: 'DNS', email: 'Email', ip: 'IP', url: 'URI' }

function forbidden({ names }: Request, types: readonly string[]): string | undefined {
  const type = types.find(one => names.some(name => name.type === one))
  return type === undefined ? undefined : `${WORDS[type]} subjectAltNames are not allowed`
}

const MINUTE = 60_000
/** Clocks differ: a certificate is good from a little earlier on. */
const BACKDATE_MS = 5 * MINUTE
/** One that is good for less than this loses nothing of its time by that. */
const SHORT_MS = 8 * 60 * MINUTE
const LONGEST_MS = 365 * 24 * 60 * MINUTE
const SHORTEST_MS = 10 * MINUTE

/** From when to when (ms since the epoch). */
export function validity(expirationSeconds: number | undefined, now: number): { readonly from: number; readonly to: number } {
  const asked = expirationSeconds === undefined ? LONGEST_MS : expirationSeconds * 1000
  const life = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, asked))
  return { from: now - BACKDATE_MS, to: now + (life < SHORT_MS ? life : life - BACKDATE_MS) }
}
