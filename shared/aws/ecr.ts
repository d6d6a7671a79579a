// What the function's role may pull from Amazon ECR, as a user name and a password. Loaded with the first image from there.
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import type { Credentials } from '../pods/images/credentials.ts'

/** A token is good for twelve hours; it is asked for anew before that. */
const EARLY_MS = 600_000

const known = new Map<string, { readonly until: number; readonly credentials: Promise<Credentials> }>()

/** @param domain "<account>.dkr.ecr.<region>.amazonaws.com" */
export async function ecrCredentials(domain: string): Promise<Credentials> {
  const region = /\.ecr(?:-fips)?\.([a-z0-9-]+)\./.exec(domain)?.[1] ?? process.env.AWS_REGION ?? ''
  const kept = known.get(region)
  if (kept && Date.now() < kept.until) return kept.credentials
  const asked = ask(region)
  const credentials = asked.then(({ credentials }) => credentials)
  // One question for all who ask meanwhile; its answer says for how long it is good.
  known.set(region, { until: Number.POSITIVE_INFINITY, credentials })
  asked.then(
    ({ until }) => known.set(region, { until, credentials }),
    () => known.delete(region),
  )
  return credentials
}

async function ask(region: string): Promise<{ until: number; credentials: Credentials }> {
  const { authorizationData } = await new ECRClient({ region }).send(new GetAuthorizationTokenCommand({}))
  const [data] = authorizationData ?? []
  const token = Buffer.from(data?.authorizationToken ?? '', 'base64').toString()
  const colon = token.indexOf(':')
  if (colon < 0) throw new Error(`ECR in ${region} gave no token: may the reconcile function call ecr:GetAuthorizationToken?`)
  return {
    until: (data?.expiresAt?.getTime() ?? 0) - EARLY_MS,
    credentials: { username: token.slice(0, colon), password: token.slice(colon + 1) },
  }
}
