// The key that signs the tokens of service accounts: made at the cluster's first start, and kept where no API path reaches.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { ExistsError, type Store } from '../store/types.ts'

/** Registered nowhere, so that no request names it. */
const KEYS: GroupResource = { group: 'internal.zeroplane', resource: 'keys' }
const KEY = '/service-account-signer'
const MODULUS_BITS = 2048

interface StoredKey extends KubeObject {
  readonly pem: string
}

export interface SigningKey {
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** The public half, as JSON Web Key. */
  readonly jwk: JsonWebKey
}

export async function loadSigningKey(store: Store): Promise<SigningKey> {
  const found = await store.get(KEYS, KEY)
  if (found !== undefined) return fromPem((found.object as StoredKey).pem)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: MODULUS_BITS })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const object: StoredKey = { apiVersion: 'internal.zeroplane/v1', kind: 'Key', metadata: { name: KEY.slice(1) }, pem }
  try {
    await store.create(KEYS, KEY, object)
    return fromPem(pem)
  } catch (error) {
    // Two environments started at once, and the other's key counts.
    if (error instanceof ExistsError) return loadSigningKey(store)
    throw error
  }
}

function fromPem(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  const id = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  const { kty, n, e } = publicKey.export({ format: 'jwk' })
  return { id, privateKey, publicKey, jwk: { use: 'sig', kty, kid: id, alg: 'RS256', n, e } }
}
