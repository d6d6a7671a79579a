// The text of /etc/resolv.conf and /etc/hosts, as kubelet writes them. Pure.
import type { NetworkPlan } from '../../shared/pods/agent-protocol.ts'
import { DOMAIN } from './dns-answers.ts'

export interface Resolver {
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

/** What resolvers look at; more is refused by the API, too. */
const MOST_NAMESERVERS = 3
const MOST_SEARCHES = 32

export function parseResolvConf(text: string): Resolver {
  const nameservers: string[] = []
  let searches: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (word === 'nameserver' && rest[0]) nameservers.push(rest[0])
    // The last one counts.
    if (word === 'search' || word === 'domain') searches = rest
    if (word === 'options') options.push(...rest)
  }
  return { nameservers, searches: searches.filter(search => search !== '.'), options }
}

/** `network`: what the task was given. `clusterDns`: where the agent answers; undefined when it cannot. */
export function resolverOf(plan: NetworkPlan, namespace: string, network: Resolver, clusterDns: string | undefined): Resolver {
  const base = baseOf(plan, namespace, network, clusterDns)
  const options = new Map([...base.options, ...plan.options].map(option => [option.split(':')[0]!, option]))
  return {
    nameservers: [...new Set([...base.nameservers, ...plan.nameservers])].slice(0, MOST_NAMESERVERS),
    searches: [...new Set([...base.searches, ...plan.searches])].slice(0, MOST_SEARCHES),
    options: [...options.values()],
  }
}

function baseOf({ dnsPolicy }: NetworkPlan, namespace: string, network: Resolver, clusterDns: string | undefined): Resolver {
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] }
  if (dnsPolicy === 'Default' || clusterDns === undefined) return network
  return {
    nameservers: [clusterDns],
    searches: [`${namespace}.svc.${DOMAIN}`, `svc.${DOMAIN}`, DOMAIN, ...network.searches],
    options: ['ndots:5'],
  }
}

export function resolvConf({ nameservers, searches, options }: Resolver): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map(server => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return `${lines.join('\n')}\n`
}

export function hostsFile({ hostname, fqdn, hostAliases }: NetworkPlan, podIPs: readonly string[]): string {
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...podIPs.map(ip => `${ip}\t${fqdn === undefined ? hostname : `${fqdn}\t${hostname}`}`),
  ]
  if (hostAliases.length > 0) {
    lines.push('', '# Entries added by HostAliases.', ...hostAliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}`))
  }
  return `${lines.join('\n')}\n`
}
