// A bearer token that proves an IAM identity: a GetCallerIdentity request that the caller signed but did not send, wrapped as
// text. Whoever receives it sends it to STS, which says whose signature it is. No secret on disk, nothing to rotate; it is the
// scheme that EKS made common, with a prefix and a header of our own, so that a token for one cluster is useless for another.
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { IAM_TOKEN_PREFIX } from '../auth/iam.ts'

export const TOKEN_PREFIX = IAM_TOKEN_PREFIX
/** Signed into the token: the cluster that it is for. */
export const CLUSTER_HEADER = 'x-zeroplane-cluster'
/** How long STS takes the signature. Seconds. */
export const TOKEN_LIFETIME = 900

const SIGNED_PARAMETERS = new Set([
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
  'X-Amz-Content-Sha256',
])

export interface IamIdentity {
  readonly account: string
  /** arn:aws:iam::123456789012:user/x or arn:aws:sts::123456789012:assumed-role/role/session */
  readonly arn: string
  readonly userId: string
}

/** The endpoint that the SDK would use, whatever decides that (region, AWS_ENDPOINT_URL, FIPS). */
async function stsEndpoint(client: STSClient): Promise<URL> {
  let endpoint: URL | undefined
  const probe = client.middlewareStack.clone()
  probe.add(
    () => async args => {
      const { protocol, hostname, port, path } = (args as { request: { protocol: string; hostname: string; port?: number; path: string } })
        .request
      endpoint = new URL(`${protocol}//${hostname}${port ? `:${port}` : ''}${path}`)
      return { output: { $metadata: {} }, response: {} } // nothing is sent
    },
    { step: 'build', name: 'stopBeforeSigning', priority: 'low', override: true },
  )
  const command = new GetCallerIdentityCommand({})
  const handler = command.resolveMiddleware(probe, client.config, {})
  await handler(command)
  if (!endpoint) throw new Error('the STS endpoint could not be resolved')
  return endpoint
}

/** Makes a token from the caller's own AWS credentials, good for `cluster` and about 15 minutes. */
export async function createIamToken(
  cluster: string,
  now = new Date(),
  client = new STSClient({}),
): Promise<{ token: string; expires: Date }> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const endpoint = await stsEndpoint(client)
  const signer = new SignatureV4({
    service: 'sts',
    region: await client.config.region(),
    credentials: client.config.credentials,
    sha256: client.config.sha256,
  })
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      ...(endpoint.port ? { port: Number(endpoint.port) } : {}),
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: endpoint.host, [CLUSTER_HEADER]: cluster },
    },
    { expiresIn: TOKEN_LIFETIME, signingDate: now, unhoistableHeaders: new Set([CLUSTER_HEADER]) },
  )
  const query = new URLSearchParams(signed.query as Record<string, string>).toString()
  return { token: TOKEN_PREFIX + Buffer.from(query).toString('base64url'), expires: new Date(now.getTime() + (TOKEN_LIFETIME - 60) * 1000) }
}

/**
 * Asks STS whose token it is. Only our own STS endpoint is ever called, with nothing but the known signed parameters: a token
 * cannot make us call another host or another action.
 * @returns undefined when the token is not ours, malformed, expired, for another cluster, or refused by STS.
 */
export async function verifyIamToken(token: string, cluster: string, client = new STSClient({})): Promise<IamIdentity | undefined> {
  if (!token.startsWith(TOKEN_PREFIX) || token.length > 8192) return undefined
  const query = new URLSearchParams(Buffer.from(token.slice(TOKEN_PREFIX.length), 'base64url').toString())
  for (const name of query.keys()) if (!SIGNED_PARAMETERS.has(name) && name.toLowerCase() !== 'x-id') return undefined
  if (query.get('Action') !== 'GetCallerIdentity' || !query.get('X-Amz-Signature')) return undefined
  if (Number(query.get('X-Amz-Expires')) > TOKEN_LIFETIME) return undefined
  if (!query.get('X-Amz-SignedHeaders')?.split(';').includes(CLUSTER_HEADER)) return undefined

  const url = await stsEndpoint(client)
  url.search = query.toString()
  const response = await fetch(url, {
    headers: { [CLUSTER_HEADER]: cluster, accept: 'application/json' },
    signal: AbortSignal.timeout(5000),
    redirect: 'error',
  })
  if (!response.ok) return undefined
  return parseIdentity(await response.text())
}

/** STS answers JSON when asked to, and XML otherwise. */
export function parseIdentity(text: string): IamIdentity | undefined {
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>|"${name}"\\s*:\\s*"([^"]+)"`).exec(text)?.slice(1).find(Boolean)
  const [account, arn, userId] = [field('Account'), field('Arn'), field('UserId')]
  return account && arn && userId ? { account, arn, userId } : undefined
}

/** arn:aws:sts::1:assumed-role/Admin/me -> arn:aws:iam::1:role/Admin: the principal that a deployment names. */
export function principalOf(arn: string): string {
  const assumed = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn)
  return assumed ? `arn:${assumed[1]}:iam::${assumed[2]}:role/${assumed[3]}` : arn
}
