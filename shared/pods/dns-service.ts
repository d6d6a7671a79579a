// The Service of cluster DNS, as people and configurations look for it. In every pod its agent is at this address, and no endpoint stands behind it.
import type { Service } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { NAMESPACES, SERVICES } from '../controllers/collections.ts'
import { isActiveNamespace, isNothingToDo } from '../controllers/serviceaccount.ts'
import type { Controller } from '../controllers/types.ts'
import { dnsAddressIn } from './network-plan.ts'

const NAMESPACE = 'kube-system'
const NAME = 'kube-dns'
const KEY = `${NAMESPACE}/${NAME}`

export const dnsServiceController: Controller = {
  name: 'dns-service',
  component: 'kubelet',
  watches: [
    { resource: NAMESPACES, keys: ({ type, object }) => (type !== 'deleted' && object.metadata.name === NAMESPACE ? [KEY] : []) },
    // Its range is known by the API's own, which may come later.
    {
      resource: SERVICES,
      keys: ({ type, key }) => ((type === 'deleted' && key === KEY) || (type === 'created' && key === 'default/kubernetes') ? [KEY] : []),
    },
  ],
  async reconcile(_, context) {
    const services = await context.informer(SERVICES)
    const kubernetes = services.get('default/kubernetes')?.object as Service | undefined
    if (services.get(KEY) || !kubernetes || !(await isActiveNamespace(context, NAMESPACE))) return undefined
    try {
      await context.client.create<Service>(SERVICES, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name: NAME,
          namespace: NAMESPACE,
          labels: { 'k8s-app': NAME, 'kubernetes.io/name': 'CoreDNS' },
          annotations: { 'kubernetes.io/description': 'Cluster DNS. Each pod has its own at this address: its agent answers there.' },
        },
        spec: {
          clusterIP: dnsAddressIn(kubernetes),
          ports: [
            { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
            { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
          ],
        },
      })
    } catch (error) {
      // Its address may be somebody else's by now: then there is no such Service, and names are answered all the same.
      if (!isNothingToDo(error) && !isStatus(error, 'Invalid')) throw error
    }
    return undefined
  },
}
