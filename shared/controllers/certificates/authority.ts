// The cluster's signing authority: a Secret that whoever first has something to sign makes. Nothing of the cluster trusts it by itself.
import type { Secret } from '../../api/core/v1.ts'
import type { Client } from '../../apimachinery/client.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import { SECRETS } from '../collections.ts'

export interface Authority {
  /** PEM, both. */
  readonly certificate: string
  readonly key: string
}

const NAMESPACE = 'kube-system'
const NAME = 'zeroplane-signing-ca'

export async function signingAuthority(client: Client, make: () => Promise<Authority>): Promise<Authority> {
  const read = async (): Promise<Authority | undefined> => {
    const data = (await client.get<Secret>(SECRETS, NAMESPACE, NAME))?.data
    const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8')
    return data?.['tls.crt'] && data['tls.key'] ? { certificate: decode(data['tls.crt']), key: decode(data['tls.key']) } : undefined
  }
  const existing = await read()
  if (existing !== undefined) return existing
  const made = await make()
  const encode = (text: string) => Buffer.from(text).toString('base64')
  try {
    await client.create<Secret>(SECRETS, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: NAMESPACE, name: NAME },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encode(made.certificate), 'tls.key': encode(made.key) },
    })
    return made
  } catch (error) {
    // Somebody else made one in between: theirs it is.
    const theirs = isStatus(error, 'AlreadyExists') ? await read() : undefined
    if (theirs !== undefined) return theirs
    throw error
  }
}
