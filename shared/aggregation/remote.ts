// Group versions that other servers serve, by APIService: which, where, and how they are asked on behalf of a user.
import type { APIService } from '../api/apiregistration/v1.ts'
import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { Reader, UserInfo } from '../apimachinery/context.ts'
import type { GroupResource } from '../apimachinery/types.ts'
import type { Store } from '../store/types.ts'
import { type Call, type CallRequest, call as callHttps } from './call.ts'
import { type FrontProxy, findFrontProxy } from './front-proxy.ts'
import { ServiceProblem, serverNameOf, type Target, targetsOf } from './service-target.ts'

export const API_SERVICES: GroupResource = { group: 'apiregistration.k8s.io', resource: 'apiservices' }
const SERVICES: GroupResource = { group: '', resource: 'services' }
const SLICES: GroupResource = { group: 'discovery.k8s.io', resource: 'endpointslices' }

/** As upstream's proxy has it for dialling. */
const DIAL_MS = 30_000

export const groupVersionOf = ({ spec }: APIService) => ({ group: spec.group ?? '', version: spec.version ?? '' })

export const isAvailable = ({ status }: APIService): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Available' && is === 'True') ?? false

export interface RemotesOptions {
  readonly read: Reader
  readonly store: Pick<Store, 'get'>
  /** Default: HTTPS. */
  readonly call?: Call
}

export class Remotes {
  readonly #read: Reader
  readonly #store: Pick<Store, 'get'>
  readonly #call: Call
  #frontProxy: FrontProxy | undefined
  #turn = 0

  constructor({ read, store, call = callHttps }: RemotesOptions) {
    this.#read = read
    this.#store = store
    this.#call = call
  }

  /** The APIServices that name a Service, the highest priorities first. */
  async list(): Promise<readonly APIService[]> {
    const all = await this.#read.list<APIService>(API_SERVICES)
    return all
      .filter(({ spec }) => spec.service !== undefined)
      .sort((a, b) => b.spec.groupPriorityMinimum - a.spec.groupPriorityMinimum || b.spec.versionPriority - a.spec.versionPriority)
  }

  async find(group: string, version: string): Promise<APIService | undefined> {
    const found = await this.#read.get<APIService>(API_SERVICES, undefined, `${version}.${group}`)
    return found?.spec.service === undefined ? undefined : found
  }

  /** `path` has the query with it. @throws ServiceProblem, or an error of the connection */
  async ask(service: APIService, path: string, request: CallRequest, user: UserInfo, timeout = DIAL_MS): Promise<Response> {
    const { service: reference, caBundle, insecureSkipTLSVerify = false } = service.spec
    const target = await this.#target(reference!)
    this.#frontProxy ??= await findFrontProxy(this.#store)
    return this.#call(
      path,
      { ...request, headers: identified(request.headers, user) },
      {
        ...target,
        serverName: serverNameOf(reference!),
        ca: caBundle === undefined ? undefined : Buffer.from(caBundle, 'base64').toString(),
        insecure: insecureSkipTLSVerify,
        clientCertificate: this.#frontProxy,
        timeout,
      },
    )
  }

  async #target(reference: NonNullable<APIService['spec']['service']>): Promise<Target> {
    const { namespace = '', name = '' } = reference
    const [service, all] = await Promise.all([
      this.#read.get<Service>(SERVICES, namespace, name),
      this.#read.list<EndpointSlice>(SLICES, namespace),
    ])
    const slices = all.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    const targets = targetsOf(reference, service, slices)
    return targets[this.#turn++ % targets.length]!
  }
}

/** The user as the front proxy proves him. What the client itself sent of the sort, and its own credentials, go no further. */
function identified(headers: CallRequest['headers'], { name, uid, groups, extra = {} }: UserInfo): CallRequest['headers'] {
  const own = Object.entries(headers).filter(([key]) => !/^(x-remote-|impersonate-|authorization$|host$)/.test(key))
  const extras = Object.entries(extra).map(([key, values]) => [`x-remote-extra-${encodeURIComponent(key.toLowerCase())}`, values])
  return {
    ...Object.fromEntries(own),
    ...Object.fromEntries(extras),
    'x-remote-user': name,
    ...(uid === undefined ? {} : { 'x-remote-uid': uid }),
    'x-remote-group': groups,
  }
}

export { ServiceProblem }
