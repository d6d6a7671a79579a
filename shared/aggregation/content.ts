// What another server keeps in a namespace that is going: deleted through its API, as the rest is through ours.
import type { APIService } from '../api/apiregistration/v1.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import type { RemoteLeftover } from '../controllers/apiservice.ts'
import { discover, type RemoteResource } from './discovery.ts'
import { groupVersionOf, type Remotes } from './remote.ts'

const CONTROLLER: UserInfo = {
  name: 'system:serviceaccount:kube-system:namespace-controller',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
}
const PATIENCE_MS = 10_000
const OPTIONS = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' }
/** It does not do that, or has lost it meanwhile. */
const NOTHING = [404, 405]

/** @throws Error when the server cannot be asked */
export async function emptyRemote(remotes: Remotes, service: APIService, namespace: string): Promise<RemoteLeftover> {
  const { group, version } = groupVersionOf(service)
  const { resources, freshness } = await discover(remotes, service)
  if (freshness === 'Stale') throw new Error(`${group}/${version} does not answer`)
  const left = new Map<string, number>()
  const finalizers = new Map<string, number>()
  for (const { resource, scope, verbs } of resources as readonly Deletable[]) {
    if (scope !== 'Namespaced' || !verbs.includes('delete') || !verbs.includes('list')) continue
    const collection = new RemoteCollection(remotes, service, `/apis/${group}/${version}/namespaces/${namespace}/${resource}`)
    const before = await collection.list()
    if (before.length === 0) continue
    if (verbs.includes('deletecollection')) await collection.delete('')
    else for (const { metadata } of before) if (metadata.deletionTimestamp === undefined) await collection.delete(`/${metadata.name}`)
    const after = await collection.list()
    if (after.length === 0) continue
    left.set(`${resource}.${group}`, after.length)
    for (const name of after.flatMap(({ metadata }) => metadata.finalizers ?? [])) finalizers.set(name, (finalizers.get(name) ?? 0) + 1)
  }
  return { left, finalizers }
}

interface Deletable extends RemoteResource {
  readonly scope: string
  readonly verbs: readonly string[]
}

class RemoteCollection {
  readonly #remotes: Remotes
  readonly #service: APIService
  readonly #path: string

  constructor(remotes: Remotes, service: APIService, path: string) {
    this.#remotes = remotes
    this.#service = service
    this.#path = path
  }

  async list(): Promise<readonly KubeObject[]> {
    const answer = await this.#ask('GET', '')
    return answer === undefined ? [] : ((JSON.parse(answer) as { items?: KubeObject[] | null }).items ?? [])
  }

  async delete(name: string): Promise<void> {
    await this.#ask('DELETE', name, JSON.stringify(OPTIONS))
  }

  async #ask(method: string, name: string, text?: string): Promise<string | undefined> {
    const headers = { accept: 'application/json', ...(text === undefined ? {} : { 'content-type': 'application/json' }) }
    const body = text === undefined ? null : new Blob([text]).stream()
    const answer = await this.#remotes.ask(this.#service, `${this.#path}${name}`, { method, headers, body }, CONTROLLER, PATIENCE_MS)
    const said = await answer.text()
    if (NOTHING.includes(answer.status)) return undefined
    if (!answer.ok) throw new Error(`${method} ${this.#path}${name}: ${answer.status} ${said.slice(0, 300)}`)
    return said
  }
}
