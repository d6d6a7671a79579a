// Every namespace has the certificate of the API's authority, for pods to check whom they talk to.
import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import type { ConfigMap } from '../api/core/v1.ts'
import { splitKey } from '../apimachinery/types.ts'
import { apiAddress } from '../pods/network-plan.ts'
import { CONFIG_MAPS } from './collections.ts'
import { equal } from './equality.ts'
import { isActiveNamespace, isNothingToDo, perNamespace } from './serviceaccount.ts'
import type { Controller, ControllerContext } from './types.ts'

const NAME = 'kube-root-ca.crt'
const ANNOTATIONS = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
}

let amazon: string | undefined

/** Function URLs have certificates of Amazon's authorities. */
function amazonRoots(): string {
  amazon ??= rootCertificates.filter(pem => /O=Amazon|O=Starfield/.test(new X509Certificate(pem).subject)).join('\n')
  return amazon
}

/**
 * @param certificate the authority's certificates in PEM; where the API has none of its own, Amazon's
 * @param inCluster beside those: the authority of the certificate that agents show to clients in their pods. Where the API has an authority of
 * its own, pods see its own certificate, and need none beside it
 * @param underPath unless the cluster is reached under a path, which clients in pods do not know: agents add it, and so cannot pass on what they do
 * not read
 */
export function rootCaPublisher(
  certificate: () => string | undefined,
  inCluster: (context: ControllerContext) => Promise<string> = async () => '',
  underPath = false,
): Controller {
  const authorities = async (context: ControllerContext) => {
    const own = certificate()
    return own && !underPath ? own : `${own || amazonRoots()}${await inCluster(context)}`
  }
  return {
    name: 'root-ca-certificate-publisher',
    component: 'root-ca-cert-publisher',
    watches: [
      perNamespace(NAME),
      { resource: CONFIG_MAPS, keys: ({ type, object, key }) => (object.metadata.name === NAME && type !== 'created' ? [key] : []) },
    ],
    async reconcile(key, context) {
      const { namespace } = splitKey(key)
      const { client, informer } = context
      const current = (await informer(CONFIG_MAPS)).get(key)?.object as ConfigMap | undefined
      const data = { 'ca.crt': await authorities(context) }
      const annotations = { ...current?.metadata.annotations, ...ANNOTATIONS }
      if (current === undefined ? !(await isActiveNamespace(context, namespace)) : isAsItShould(current, data, annotations))
        return undefined
      try {
        if (current === undefined) {
          await client.create<ConfigMap>(CONFIG_MAPS, {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: NAME, namespace, annotations },
            data,
          })
        } else await client.update<ConfigMap>(CONFIG_MAPS, { ...current, metadata: { ...current.metadata, annotations }, data })
      } catch (error) {
        if (!isNothingToDo(error)) throw error
      }
      return undefined
    },
  }
}

const isAsItShould = (current: ConfigMap, data: Record<string, string>, annotations: Record<string, string>): boolean =>
  equal(current.data, data) && equal(current.metadata.annotations, annotations)

/** Where the deployment's API has no authority of its own, pods see it through their agents, under a certificate that is made for that. */
export async function inClusterAuthority({ client, now }: ControllerContext): Promise<string> {
  if (!process.env.API_URL) return ''
  const { ensureInClusterCertificate } = await import('../auth/in-cluster-certificate.ts')
  const { ca } = await ensureInClusterCertificate(client, apiAddress(process.env.SERVICE_CIDR), now())
  return `\n${ca}`
}
