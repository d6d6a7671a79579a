// What cluster.local says: the Kubernetes DNS specification (1.1.0) over what this pod knows of Services. Pure but for asking.
import { isIPv4, isIPv6 } from 'node:net'
import type { EndpointView, ServicePortView, ServiceView } from '../../shared/pods/services/protocol.ts'
import { type Answer, type Question, RCODE, type ResourceRecord, TYPE } from './dns-message.ts'

export const DOMAIN = 'cluster.local'
const TTL = 5
const SPECIFICATION = '1.1.0'
const DEEPEST_ALIAS = 8

export interface Names {
  readonly namespace: string
  /** Undefined: there is none of this name. @throws when that cannot be told now */
  service(namespace: string, name: string): Promise<ServiceView | undefined>
  /** Whether its cluster addresses lead to it from this pod; otherwise its name leads to its endpoints directly. */
  reachable(namespace: string, name: string, service: ServiceView): Promise<boolean>
  /** Names of an address, most specific first: Services and endpoints that have it. */
  namesOf(address: string): string[]
  /** Whether an address can only be a Service's. */
  isClusterAddress(address: string): boolean
  /** What the network's resolver says of a name outside of the cluster. */
  resolve(question: Question): Promise<readonly ResourceRecord[]>
}

/** Undefined: none of ours, the network's resolver knows. */
export async function answerFor(question: Question, names: Names, depth = 0): Promise<Answer | undefined> {
  const name = question.name.toLowerCase()
  if (name === DOMAIN || name.endsWith(`.${DOMAIN}`)) {
    const labels = name.slice(0, -DOMAIN.length).split('.').filter(Boolean)
    return inCluster(question, labels, names, depth)
  }
  const address = question.type === TYPE.PTR ? reverse(name) : undefined
  if (address === undefined) return undefined
  const targets = names.namesOf(address)
  if (targets.length > 0) return found(targets.map(target => ({ name: question.name, ttl: TTL, type: 'PTR', target })))
  return names.isClusterAddress(address) ? missing : undefined
}

const soa: ResourceRecord = {
  name: DOMAIN,
  ttl: TTL,
  type: 'SOA',
  primary: `ns.dns.${DOMAIN}`,
  mailbox: `hostmaster.${DOMAIN}`,
  minimum: TTL,
}
const missing: Answer = { rcode: RCODE.noSuchName, answers: [], authority: [soa] }
const noData: Answer = { rcode: RCODE.ok, answers: [], authority: [soa] }
/** The name exists; of this type it may have nothing. */
const found = (answers: readonly ResourceRecord[], additional: readonly ResourceRecord[] = []): Answer =>
  answers.length === 0 ? noData : { rcode: RCODE.ok, answers, additional }

async function inCluster(question: Question, labels: string[], names: Names, depth: number): Promise<Answer> {
  const zone = labels.at(-1)
  const path = labels.slice(0, -1)
  if (zone === undefined) return apex(question)
  if (labels.join('.') === 'dns-version') {
    return found(question.type === TYPE.TXT ? [{ name: question.name, ttl: TTL, type: 'TXT', text: SPECIFICATION }] : [])
  }
  if (labels.join('.') === 'ns.dns' || labels.join('.') === 'dns') return noData
  if (zone === 'pod') return podAnswer(question, path)
  if (zone !== 'svc') return missing
  const namespace = path.at(-1)
  const service = path.at(-2)
  if (namespace === undefined) return noData
  // Which namespaces there are is not known here; this pod's own is there.
  if (service === undefined) return namespace === names.namespace ? noData : missing
  const rest = path.slice(0, -2)
  if (rest.length > 2 || (rest.length === 2 && !rest.every(label => label.startsWith('_')))) return missing
  const view = await names.service(namespace, service)
  return view ? serviceAnswer(question, { namespace, name: service, view }, rest, names, depth) : missing
}

function apex({ name, type }: Question): Answer {
  if (type === TYPE.SOA) return found([soa])
  return found(type === TYPE.NS ? [{ name, ttl: TTL, type: 'NS', target: `ns.dns.${DOMAIN}` }] : [])
}

/** 10-0-0-7.default.pod.cluster.local: the address is in the name. */
function podAnswer(question: Question, path: string[]): Answer {
  const [dashed, , more] = path
  if (dashed === undefined || path.length < 2) return noData
  if (more !== undefined) return missing
  const address = [dashed.replaceAll('-', '.'), dashed.replaceAll('-', ':')].find(text => isIPv4(text) || isIPv6(text))
  return address === undefined ? missing : found(addressRecords(question, [address]))
}

interface Named {
  readonly namespace: string
  readonly name: string
  readonly view: ServiceView
}

const domainOf = ({ namespace, name }: Named) => `${name}.${namespace}.svc.${DOMAIN}`

async function serviceAnswer(question: Question, service: Named, rest: string[], names: Names, depth: number): Promise<Answer> {
  const { view } = service
  if (view.externalName !== undefined) return rest.length > 0 ? missing : aliasAnswer(question, view.externalName, names, depth)
  const direct = view.clusterIPs.length === 0 || !(await names.reachable(service.namespace, service.name, view))
  const members = direct ? membersOf(view) : []
  const [first, second] = rest
  // The name of one endpoint, or half the name of a port.
  if (first !== undefined && second === undefined) {
    if (first.startsWith('_')) return noData
    const own = membersOf(view).filter(({ endpoint }) => labelOf(endpoint) === first)
    return own.length === 0
      ? missing
      : answerOf(
          question,
          own.map(({ endpoint }) => endpoint.address),
          () => services(question, service, own),
        )
  }
  // A headless Service without endpoints is as good as none.
  if (view.clusterIPs.length === 0 && members.length === 0) return missing
  const wanted = ({ name, protocol }: ServicePortView) =>
    first === undefined || (`_${name}` === first && `_${protocol.toLowerCase()}` === second)
  if (!direct) {
    const ports = view.ports.filter(wanted)
    if (ports.length === 0 && first !== undefined) return missing
    const target = domainOf(service)
    return answerOf(question, view.clusterIPs, () => ({
      answers: ports.map(({ port }) => ({ name: question.name, ttl: TTL, type: 'SRV', priority: 0, weight: 100, port, target })),
      additional: view.clusterIPs.map(address => addressRecord(target, address)),
    }))
  }
  const chosen = members
    .map(({ endpoint, ports }) => ({ endpoint, ports: ports.filter(wanted) }))
    .filter(({ ports }) => first === undefined || ports.length > 0)
  if (chosen.length === 0 && first !== undefined) return missing
  return answerOf(
    question,
    chosen.map(({ endpoint }) => endpoint.address),
    () => services(question, service, chosen),
  )
}

interface Member {
  readonly endpoint: EndpointView
  readonly ports: readonly ServicePortView[]
}

/** Each time in another order, for clients that take the first. */
function membersOf({ groups }: ServiceView): Member[] {
  const members = groups.flatMap(({ endpoints, ports }) => endpoints.map(endpoint => ({ endpoint, ports })))
  const turn = Math.floor(Math.random() * members.length)
  return [...members.slice(turn), ...members.slice(0, turn)]
}

/** "web-0", or 10-0-0-7 for one without a name. */
const labelOf = ({ hostname, address }: EndpointView) => hostname ?? address.replaceAll(/[.:]/g, '-')

function services({ name }: Question, service: Named, members: readonly Member[]) {
  const answers: ResourceRecord[] = []
  const additional: ResourceRecord[] = []
  for (const { endpoint, ports } of members) {
    const target = `${labelOf(endpoint)}.${domainOf(service)}`
    for (const { port } of ports) answers.push({ name, ttl: TTL, type: 'SRV', priority: 0, weight: 100, port, target })
    if (ports.length > 0) additional.push(addressRecord(target, endpoint.address))
  }
  return { answers, additional }
}

function answerOf(
  question: Question,
  addresses: readonly string[],
  srv: () => { answers: readonly ResourceRecord[]; additional: readonly ResourceRecord[] },
): Answer {
  if (question.type !== TYPE.SRV) return found(addressRecords(question, [...new Set(addresses)]))
  const { answers, additional } = srv()
  return found(answers, additional)
}

const addressRecord = (name: string, address: string): ResourceRecord => ({
  name,
  ttl: TTL,
  type: address.includes(':') ? 'AAAA' : 'A',
  address,
})

function addressRecords({ name, type }: Question, addresses: readonly string[]): ResourceRecord[] {
  return addresses.map(address => addressRecord(name, address)).filter(record => type === TYPE.ANY || TYPE[record.type] === type)
}

/** The alias, and what it stands for: clients do not ask again. */
async function aliasAnswer(question: Question, externalName: string, names: Names, depth: number): Promise<Answer> {
  const target = externalName.replace(/\.$/, '')
  const alias: ResourceRecord = { name: question.name, ttl: TTL, type: 'CNAME', target }
  if (question.type === TYPE.CNAME || depth === DEEPEST_ALIAS) return found([alias])
  const next = { name: target, type: question.type }
  const known = await answerFor(next, names, depth + 1)
  const answers = known?.answers ?? (await names.resolve(next).catch(() => []))
  return found([alias, ...answers])
}

/** 7.0.0.10.in-addr.arpa -> 10.0.0.7 */
function reverse(name: string): string | undefined {
  const labels = name.split('.')
  const domain = labels.splice(-2).join('.')
  const parts = labels.reverse()
  if (domain === 'in-addr.arpa') return parts.length === 4 && isIPv4(parts.join('.')) ? parts.join('.') : undefined
  if (domain !== 'ip6.arpa' || parts.length !== 32) return undefined
  const words = Array.from({ length: 8 }, (_, n) => Number.parseInt(parts.slice(n * 4, n * 4 + 4).join(''), 16).toString(16))
  const address = words.join(':')
  return isIPv6(address) ? address : undefined
}
