// The agent's token: proves that its bearer is the agent of one launch of one pod, and is good for the sync call of that alone.
//
//   zp1.<base64url of the claims as JSON>.<base64url of HMAC-SHA256 over what stands before>
//
// It has no expiry of its own: it dies with the pod, or when the pod is launched again (the launch is one of its claims).
import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { SECRETS } from '../controllers/collections.ts'

export interface AgentClaims {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly launch: number
}

const PREFIX = 'zp1'

/** Made once: of bytes, Node makes one for each signature, and that costs more than the signature. */
const keys = new WeakMap<Buffer, KeyObject>()

function sign(bytes: Buffer, text: string): Buffer {
  let key = keys.get(bytes)
  if (key === undefined) {
    key = createSecretKey(bytes)
    keys.set(bytes, key)
  }
  return createHmac('sha256', key).update(text).digest()
}

export function issueToken(key: Buffer, { namespace, name, uid, launch }: AgentClaims): string {
  const text = `${PREFIX}.${Buffer.from(JSON.stringify({ namespace, name, uid, launch })).toString('base64url')}`
  return `${text}.${sign(key, text).toString('base64url')}`
}

/** Undefined when the token is not one of ours. */
export function verifyToken(key: Buffer, token: string): AgentClaims | undefined {
  const end = token.lastIndexOf('.')
  const text = token.slice(0, end)
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  const expected = sign(key, text)
  if (!text.startsWith(`${PREFIX}.`) || signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined
  return JSON.parse(Buffer.from(text.slice(PREFIX.length + 1), 'base64url').toString()) as AgentClaims
}

const KEY_NAMESPACE = 'kube-system'
const KEY_NAME = 'zeroplane-agent-key'

/**
 * The cluster's key, from a Secret that whoever needs it first makes. Keep the promise: it does not change while the cluster lives.
 * Who may read Secrets of kube-system can speak for any agent, as elsewhere such a person can for any kubelet.
 */
export async function agentKey(client: Client): Promise<Buffer> {
  const read = async () => {
    const text = (await client.get<Secret>(SECRETS, KEY_NAMESPACE, KEY_NAME))?.data?.key
    return text === undefined ? undefined : Buffer.from(text, 'base64')
  }
  const existing = await read()
  if (existing) return existing
  const key = randomBytes(32)
  try {
    await client.create<Secret>(SECRETS, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: KEY_NAMESPACE, name: KEY_NAME },
      type: 'zeroplane.dev/agent-key',
      data: { key: key.toString('base64') },
    } as Secret)
    return key
  } catch (error) {
    // Somebody else made it in between: theirs it is.
    const theirs = isStatus(error, 'AlreadyExists') ? await read() : undefined
    if (theirs) return theirs
    throw error
  }
}
