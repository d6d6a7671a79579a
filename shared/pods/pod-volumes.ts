// What an agent is told of the volumes it writes: everything they refer to is read, tokens are issued, and the agent hears only what it
// does not have yet.
import type { ConfigMap, Node, Pod, Secret, Volume, VolumeProjection } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import type { Reader } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { CONFIG_MAPS, NODES, SECRETS, SERVICE_ACCOUNTS } from '../controllers/collections.ts'
import type { PodVolumes, VolumesAsked } from './agent-protocol.ts'
import { foldersOf, sourcesOf, type VolumeSources, versionOf, writtenVolume } from './volume-files.ts'
import { isApiAccess, isWritten } from './volumes.ts'

/** A change shall be in the files within a minute: this, and the time that a call and a write take. */
const REFRESH_SECONDS = 45
/** Of a token's life, as kubelet has it; and no token is kept for longer than a day. */
const RENEW_AT = 0.8
const LONGEST_SECONDS = 24 * 3600
/** What a source asks for that does not say. */
const TOKEN_SECONDS = 3600

type TokenSource = NonNullable<VolumeProjection['serviceAccountToken']>

export async function podVolumes(
  pod: Pod,
  asked: VolumesAsked,
  { read, client }: { readonly read: Reader; readonly client: Pick<Client, 'act'> },
): Promise<PodVolumes> {
  const volumes = (pod.spec.volumes ?? []).filter(isWritten)
  const tokens = volumes.flatMap(volume => sourcesOf(volume).flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []))
  const sources = await gather(pod, volumes, read)
  const contents = (token: VolumeSources['token']) =>
    volumes.flatMap(volume => {
      const all = writtenVolume(pod, volume, { ...sources, token })
      return [all, ...foldersOf(pod, volume, all)]
    })
  const paths = new Set(
    volumes.flatMap(volume =>
      sourcesOf(volume).flatMap(({ serviceAccountToken }) => (serviceAccountToken ? [`${volume.name}/${serviceAccountToken.path}`] : [])),
    ),
  )
  const version = versionOf(
    contents(() => ''),
    paths,
  )
  const answer = {
    version,
    group: pod.spec.securityContext?.fsGroup,
    refreshAfterSeconds: volumes.some(volume => canChange(volume, sources)) ? REFRESH_SECONDS : undefined,
    renewAfterSeconds: renewAfter(tokens),
  }
  if (version === asked.version && !asked.renew) return answer
  const issued = await issueAll(pod, tokens, client)
  return {
    ...answer,
    volumes: contents(source => {
      const token = issued.get(source)
      if (token instanceof Error) throw token
      return token ?? ''
    }),
  }
}

async function gather(pod: Pod, volumes: readonly Volume[], read: Reader): Promise<Omit<VolumeSources, 'token'>> {
  const { namespace = '' } = pod.metadata
  const all = volumes.flatMap(volume => [...sourcesOf(volume)])
  const load = async <T extends KubeObject>(resource: typeof SECRETS, names: readonly (string | undefined)[]) => {
    const unique = [...new Set(names)].filter(name => name !== undefined && name !== '')
    return new Map(await Promise.all(unique.map(async name => [name, await read.get<T>(resource, namespace, name!)] as const)))
  }
  const wantsNode = all.some(({ downwardAPI }) => downwardAPI?.items?.some(({ resourceFieldRef }) => resourceFieldRef))
  const [configMaps, secrets, node] = await Promise.all([
    load<ConfigMap>(
      CONFIG_MAPS,
      all.map(({ configMap }) => configMap?.name),
    ),
    load<Secret>(
      SECRETS,
      all.map(({ secret }) => secret?.name),
    ),
    wantsNode && pod.spec.nodeName ? read.get<Node>(NODES, undefined, pod.spec.nodeName) : undefined,
  ])
  return {
    configMap: name => configMaps.get(name),
    secret: name => secrets.get(name),
    node: { hostIP: pod.status?.hostIP, allocatable: node?.status?.allocatable },
  }
}

/** Each source has its own token: another audience, another life. */
async function issueAll(
  pod: Pod,
  tokens: readonly TokenSource[],
  client: Pick<Client, 'act'>,
): Promise<ReadonlyMap<TokenSource, string | Error>> {
  const { namespace, name, uid } = pod.metadata
  const account = pod.spec.serviceAccountName ?? 'default'
  return new Map(
    await Promise.all(
      tokens.map(async (source): Promise<[TokenSource, string | Error]> => {
        const request = {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          metadata: { name: '' },
          spec: {
            audiences: source.audience ? [source.audience] : [],
            expirationSeconds: source.expirationSeconds ?? TOKEN_SECONDS,
            boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
          },
        }
        try {
          const issued = await client.act<KubeObject & { status: { token: string } }>(
            SERVICE_ACCOUNTS,
            namespace,
            account,
            'token',
            request,
          )
          return [source, issued.status.token]
        } catch (error) {
          return [source, new Error(`failed to fetch token: ${error instanceof Error ? error.message : String(error)}`)]
        }
      }),
    ),
  )
}

function renewAfter(tokens: readonly TokenSource[]): number | undefined {
  const lives = tokens.map(({ expirationSeconds = TOKEN_SECONDS }) => Math.min(expirationSeconds * RENEW_AT, LONGEST_SECONDS))
  return lives.length === 0 ? undefined : Math.min(...lives)
}

/**
 * Whether it is worth asking again. Not so for immutable objects, and not for the CA beside every pod's token, which would have every
 * pod of the cluster ask for what never changes: it is read again when the token is renewed.
 */
function canChange(volume: Volume, { configMap, secret }: Omit<VolumeSources, 'token'>): boolean {
  if (isApiAccess(volume)) return false
  return sourcesOf(volume).some(source => {
    if (source.configMap) return !configMap(source.configMap.name ?? '')?.immutable
    if (source.secret) return !secret(source.secret.name ?? '')?.immutable
    return source.downwardAPI?.items?.some(({ fieldRef }) => /^metadata\.(labels|annotations)/.test(fieldRef?.fieldPath ?? '')) ?? false
  })
}
