// The file that kubectl reads, with everything inside it: no paths, so that it can be copied anywhere on this machine.
import { parse, stringify } from 'yaml'

export interface Access {
  /** "https://127.0.0.1:6443", and "/clusters/<name>" behind it for clusters other than the default one. */
  readonly server: string
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string
  readonly token: string
}

interface Kubeconfig {
  apiVersion: 'v1'
  kind: 'Config'
  clusters: { name: string; cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { name: string; user: object }[]
  contexts: { name: string; context: { cluster: string; user: string } }[]
  'current-context': string
}

const MAIN = 'zeroplane'

/** The context of a cluster that is not the default one, as `npm run kubeconfig` names it. */
export const contextOf = (cluster: string): string => `${MAIN}-${cluster}`

/**
 * The default cluster's kubeconfig.
 * @param before the file as it was: contexts of other clusters stay, at the API's address of today, and so does the choice among them
 */
export function kubeconfig(access: Access, before?: string): string {
  const old = before === undefined ? undefined : (parse(before) as Kubeconfig)
  const base = new URL(access.server)
  const moved = (old?.clusters ?? []).map(({ name, cluster }) => {
    if (!name.startsWith(`${MAIN}-`)) return { name, cluster }
    const server = new URL(new URL(cluster.server).pathname, base).href
    return { name, cluster: { server, 'certificate-authority-data': encoded(access.ca) } }
  })
  return stringify(
    withContext(old && { ...old, clusters: moved }, access, {
      name: MAIN,
      user: `${MAIN}-admin`,
      current: old?.['current-context'] ?? MAIN,
    }),
  )
}

/** @param before a kubeconfig. Answers it with a context more; which one is chosen stays. */
export function addContext(before: string, access: Access, name: string): string {
  const old = parse(before) as Kubeconfig
  return stringify(withContext(old, access, { name, user: name, current: old['current-context'] }))
}

/** @throws Error when there is no context of the default cluster in it */
export function accessOf(text: string): Access {
  const { clusters, users } = parse(text) as Kubeconfig
  const cluster = clusters.find(({ name }) => name === MAIN)?.cluster
  const user = users.find(({ name }) => name === `${MAIN}-admin`)?.user as { token: string } | undefined
  if (cluster === undefined || user === undefined) throw new Error(`there is no context "${MAIN}"`)
  return { server: cluster.server, ca: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(), token: user.token }
}

const encoded = (ca: string) => Buffer.from(ca).toString('base64')

function withContext(
  old: Kubeconfig | undefined,
  { server, ca, token }: Access,
  { name, user, current }: { readonly name: string; readonly user: string; readonly current: string },
): Kubeconfig {
  const rest = <T extends { name: string }>(entries: readonly T[] | undefined, own: string) =>
    (entries ?? []).filter(entry => entry.name !== own)
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': encoded(ca) } }, ...rest(old?.clusters, name)],
    users: [{ name: user, user: { token } }, ...rest(old?.users, user)],
    contexts: [{ name, context: { cluster: name, user } }, ...rest(old?.contexts, name)],
    'current-context': current,
  }
}
