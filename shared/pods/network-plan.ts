// Names and name service of a pod: what kubelet writes to /etc/resolv.conf and /etc/hosts, and where the agent stands in. Pure.
import type { Pod, Service } from '../api/core/v1.ts'
import type { NetworkPlan } from './agent-protocol.ts'

export const CLUSTER_DOMAIN = 'cluster.local'
/** Linux's own bound for a host name. */
const LONGEST_HOSTNAME = 63
/**
 * Where clients in pods find the API: not 443, which apps listen on, and a listener of the agent and an app on all addresses exclude each
 * other.
 */
export const API_PORT = 6443
/** Last octets of the addresses in the range of Services that are the cluster's own, as most installers have it. */
const API_OCTET = 1
const DNS_OCTET = 10

/** What `hostname` says in the pod. */
export function hostnameOf(pod: Pod): string {
  const name = (pod.spec.hostname || pod.metadata.name).slice(0, LONGEST_HOSTNAME).replace(/[-.]+$/, '')
  const fqdn = fqdnOf(pod)
  return pod.spec.setHostnameAsFQDN && fqdn ? fqdn : name
}

/** The pod's name in the domain of its headless Service. */
export function fqdnOf({ metadata, spec }: Pod): string | undefined {
  if (!spec.subdomain) return undefined
  const name = (spec.hostname || metadata.name).slice(0, LONGEST_HOSTNAME).replace(/[-.]+$/, '')
  return `${name}.${spec.subdomain}.${metadata.namespace}.svc.${CLUSTER_DOMAIN}`
}

export function networkPlan(pod: Pod, kubernetes: Service | undefined, certificate?: NetworkPlan['api']['certificate']): NetworkPlan {
  const { dnsConfig, hostAliases, dnsPolicy = 'ClusterFirst', setHostnameAsFQDN } = pod.spec
  const fqdn = fqdnOf(pod)
  const hostname = hostnameOf(pod)
  return {
    dnsAddress: clusterAddress(kubernetes?.spec?.clusterIP, DNS_OCTET),
    dnsPolicy: dnsPolicy === 'None' || dnsPolicy === 'Default' ? dnsPolicy : 'ClusterFirst',
    nameservers: dnsConfig?.nameservers ?? [],
    searches: dnsConfig?.searches ?? [],
    options: (dnsConfig?.options ?? []).map(({ name, value }) => (value === undefined ? `${name}` : `${name}:${value}`)),
    hostname: setHostnameAsFQDN && fqdn ? fqdn.slice(0, fqdn.indexOf('.')) : hostname,
    fqdn,
    hostAliases: (hostAliases ?? []).map(({ ip, hostnames }) => ({ ip, hostnames: hostnames ?? [] })),
    api: {
      address: clusterAddress(kubernetes?.spec?.clusterIP, API_OCTET),
      port: API_PORT,
      // Not its authority, which whoever made the certificate may have beside it: that is for the pod's clients, and the API has another one.
      certificate: certificate && { cert: certificate.cert, key: certificate.key },
    },
  }
}

/** Only addresses of the loopback can be listened on without rights; another range of Services has its stand-ins there. */
function clusterAddress(address: string | undefined, octet: number): string {
  const base = address?.startsWith('127.') ? address : '127.128.0.0'
  return `${base.slice(0, base.lastIndexOf('.'))}.${octet}`
}

/** The address of cluster DNS in the range that the API's own Service is in. */
export function dnsAddressIn({ spec }: Service): string {
  const address = spec?.clusterIP ?? ''
  return `${address.slice(0, address.lastIndexOf('.'))}.${DNS_OCTET}`
}

/** Where pods find the API, for the certificate that they see there. */
export const apiAddress = (serviceCidr = '') => clusterAddress(serviceCidr.split('/')[0], API_OCTET)

/** The API's own Service with the port that pods shall use: what its variables are made of. */
export const asPodsSeeIt = (kubernetes: Service): Service => ({
  ...kubernetes,
  spec: {
    ...kubernetes.spec,
    clusterIP: clusterAddress(kubernetes.spec?.clusterIP, API_OCTET),
    ports: kubernetes.spec?.ports?.map(port => ({ ...port, port: API_PORT })),
  },
})
