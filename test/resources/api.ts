// The API on a store of its own, without a network: requests go in, answers come out.
import { createApi } from '../../functions/api/app.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { type BuiltInOptions, builtInResources } from '../../shared/resources/index.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

export interface Answer {
  readonly code: number
  readonly warning: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any kind
  readonly body: any
}

export interface TestApi {
  /** `as`: the user who asks, default: one who may do everything. */
  send(method: string, path: string, body?: unknown, type?: string, as?: string): Promise<Answer>
}

const CIDR = '10.96.0.0/24'

/** Several on one store are the environments of one cluster. */
export async function startApi({ store = new MemoryStore(), ...options }: BuiltInOptions & { store?: MemoryStore } = {}): Promise<TestApi> {
  const { handle } = await createApi({
    store,
    resources: builtInResources({ serviceCidr: CIDR, ...options }),
    legacyApis: options.legacy ?? false,
    serviceCidr: options.serviceCidr ?? CIDR,
    tokens: [{ token: 'admin', user: { name: 'admin', groups: [MASTERS] } }],
  })
  const api: TestApi = {
    async send(method, path, body, type = 'application/json', as) {
      const answer = await handle(
        new Request(`http://api${path}`, {
          method,
          headers: { authorization: 'Bearer admin', 'content-type': type, ...(as === undefined ? {} : { 'impersonate-user': as }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      )
      const isJson = answer.headers.get('content-type') === 'application/json'
      return { code: answer.status, warning: answer.headers.get('warning') ?? '', body: isJson ? await answer.json() : await answer.text() }
    },
  }
  await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } })
  return api
}

export const podSpec = { containers: [{ name: 'c', image: 'registry.example/app:1' }] }
export const template = { metadata: { labels: { app: 'a' } }, spec: podSpec }
