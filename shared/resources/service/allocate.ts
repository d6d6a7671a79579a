// Cluster IPs and node ports are taken before a Service is stored, and given back when storing it fails:
//
//   create A: take 10.96.3.7 (an IPAddress object of that name) -- ok ---- store A
//   create B: take 10.96.3.7 ------------------------------------ exists -> takes another
//
// The name of an object is taken once, whoever else tries at the same time: no lock, no bitmap that every Service must write.
import type { Service } from '../../api/core/v1.ts'
import type { IPAddress, ServiceCIDR } from '../../api/networking/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { invalid } from '../../apimachinery/field-error.ts'
import type { Begun } from '../../apimachinery/resource.ts'
import { internalError, invalid as invalidObject, isStatus } from '../../apimachinery/status-error.ts'
import { initFamilies, keepAllocated, keepsPreferred, normalizeClusterIPs } from './families.ts'
import { type AddressRange, addressRange, candidates, contains, formatNumber, type Numbers } from './ranges.ts'
import { hasNodePorts, isHeadless, NONE_IP, needsHealthCheck, needsNodePorts, nodePortsOf, specOf } from './rules.ts'

export const ADDRESSES = { group: 'networking.k8s.io', resource: 'ipaddresses' }
const SERVICE_CIDRS = { group: 'networking.k8s.io', resource: 'servicecidrs' }
/** One object for each node port that is taken. */
export const NODE_PORTS = { group: 'allocation.zeroplane.dev', resource: 'nodeports' }

const LABELS = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' }
const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family'
const TAKEN_IP = 'provided IP is already allocated'
const WRONG_RANGE = 'the provided network does not match the current range'
const NAMELESS = 'spec.parentRef.name: Required value'
const TAKEN_PORT = 'provided port is already allocated'
/** After so many taken ones the range is looked at as a whole. */
const BLIND_TRIES = 8

export interface ServiceRanges {
  readonly addresses: readonly AddressRange[]
  readonly ports: Numbers
}

type Collection = typeof ADDRESSES

const isReady = (status: ServiceCIDR['status']): boolean =>
  status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false

/** What one request takes and gives back. */
class Allocation {
  readonly #context: RequestContext
  readonly #parent: Service
  readonly #ranges: ServiceRanges
  readonly #taken: (readonly [collection: Collection, name: string])[] = []
  readonly #released: (readonly [collection: Collection, name: string])[] = []
  /** Ports that a dry run would have taken. */
  readonly #imagined = new Set<string>()

  constructor(service: Service, ranges: ServiceRanges, context: RequestContext) {
    this.#parent = service
    this.#ranges = ranges
    this.#context = context
  }

  get begun(): Begun {
    return { commit: () => this.#deleteAll(this.#released), rollback: () => this.#deleteAll(this.#taken) }
  }

  async #deleteAll(list: readonly (readonly [collection: Collection, name: string])[]): Promise<void> {
    for (const [collection, name] of list) await this.#context.client.delete(collection, undefined, name)
  }

  release(collection: Collection, name: string): void {
    this.#released.push([collection, name])
  }

  /** Whether the name was free. A dry run only looks. */
  async #take(collection: Collection, object: IPAddress): Promise<boolean> {
    const name = object.metadata.name as string
    if (this.#context.dryRun) return this.#isFree(collection, name)
    try {
      await this.#context.client.create(collection, object)
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return false
      throw error
    }
    this.#taken.push([collection, name])
    return true
  }

  async #isFree(collection: Collection, name: string): Promise<boolean> {
    if (this.#imagined.has(name) || (await this.#context.read.get(collection, undefined, name)) !== undefined) return false
    this.#imagined.add(name)
    return true
  }

  #record(apiVersion: string, kind: string, name: string, labels?: Record<string, string>): IPAddress {
    const { namespace, name: service } = this.#parent.metadata
    return {
      apiVersion,
      kind,
      metadata: { name, labels },
      spec: { parentRef: { resource: 'services', namespace, name: service as string } },
    }
  }

  #takeAddress(family: string, ip: string): Promise<boolean> {
    return this.#take(ADDRESSES, this.#record('networking.k8s.io/v1', 'IPAddress', ip, { ...LABELS, [FAMILY_LABEL]: family }))
  }

  async address(family: string, wanted: string): Promise<string> {
    const range = this.#ranges.addresses.find(candidate => candidate.family === family) as AddressRange
    // An address must say whose it is.
    if (!this.#parent.metadata.name)
      throw this.#invalid('spec.clusterIPs', specOf(this.#parent).clusterIPs, `failed to allocate IP: ${NAMELESS}`)
    if (wanted === '') return this.#anyAddress(range)
    let why: string | undefined
    if (!contains(range, wanted) && !(await this.#added(family)).some(other => contains(other, wanted))) why = WRONG_RANGE
    // A dry run takes nothing, and so finds everything free.
    else if (!this.#context.dryRun && !(await this.#takeAddress(family, wanted))) why = TAKEN_IP
    if (why === undefined) return wanted
    throw this.#invalid('spec.clusterIPs', specOf(this.#parent).clusterIPs, `failed to allocate IP ${wanted}: ${why}`)
  }

  /** What people added to the cluster's own range. Read only when that does not do: most Services never ask. */
  async #added(family: string): Promise<AddressRange[]> {
    const all = await this.#context.read.list<ServiceCIDR>(SERVICE_CIDRS)
    return all
      .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && isReady(status))
      .flatMap(({ spec }) => spec.cidrs ?? [])
      .map(addressRange)
      .filter(range => range.family === family)
  }

  async #anyAddress(own: AddressRange): Promise<string> {
    const ip = await this.#freeIn(own)
    if (ip !== undefined) return ip
    for (const range of await this.#added(own.family)) {
      const other = await this.#freeIn(range)
      if (other !== undefined) return other
    }
    throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(this.#parent.metadata.name)}: range is full`)
  }

  async #freeIn(range: AddressRange): Promise<string | undefined> {
    let known: ReadonlySet<string> | undefined
    let tries = 0
    for (const number of candidates(range)) {
      const ip = formatNumber(number, range.family)
      if (known?.has(ip)) continue
      if (await this.#takeAddress(range.family, ip)) return ip
      if (++tries === BLIND_TRIES) known = await this.#names(ADDRESSES)
    }
    return undefined
  }

  async #names(collection: Collection): Promise<ReadonlySet<string>> {
    return new Set((await this.#context.read.list(collection)).map(({ metadata }) => metadata.name as string))
  }

  #takePort(port: number): Promise<boolean> {
    return this.#take(NODE_PORTS, this.#record('allocation.zeroplane.dev/v1', 'NodePort', String(port)))
  }

  /** What keeps the port from being taken, if anything does. */
  async port(port: number): Promise<string | undefined> {
    const { first, last } = this.#ranges.ports
    if (port < Number(first) || port > Number(last))
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`
    return (await this.#takePort(port)) ? undefined : TAKEN_PORT
  }

  async anyPort(): Promise<number> {
    let known: ReadonlySet<string> | undefined
    let tries = 0
    for (const number of candidates(this.#ranges.ports)) {
      if (known?.has(String(number))) continue
      if (await this.#takePort(Number(number))) return Number(number)
      if (++tries === BLIND_TRIES) known = await this.#names(NODE_PORTS)
    }
    throw internalError('failed to allocate a nodePort: range is full')
  }

  #invalid(field: string, value: unknown, why: string) {
    return invalidObject('', 'Service', this.#parent.metadata.name ?? '', [invalid(field, value, why)])
  }

  async mustTakePort(port: number, i: number): Promise<void> {
    const why = await this.port(port)
    if (why !== undefined) throw this.#invalid(`spec.ports[${i}].nodePort`, port, why)
  }
}

/** Fills in what a new or changed Service gets. In place. @throws StatusError */
export async function allocate(service: Service, old: Service | undefined, ranges: ServiceRanges, context: RequestContext): Promise<Begun> {
  service.spec ??= {}
  if (old !== undefined) keepAllocated(service, old)
  normalizeClusterIPs(service, old)
  initFamilies(
    service,
    old,
    ranges.addresses.map(range => range.family),
  )
  const allocation = new Allocation(service, ranges, context)
  const { begun } = allocation
  try {
    if (old === undefined) await newAddresses(service, allocation)
    else await changedAddresses(service, old, allocation)
    if (old === undefined) await newPorts(service, allocation)
    else await changedPorts(service, old, allocation)
    await healthCheckPort(service, old, allocation)
  } catch (error) {
    await begun.rollback?.()
    throw error
  }
  return begun
}

async function newAddresses(service: Service, allocation: Allocation): Promise<void> {
  const spec = specOf(service)
  if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === NONE_IP) return
  const ips: string[] = []
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) ips.push(await allocation.address(family, spec.clusterIPs?.[i] ?? ''))
  spec.clusterIPs = [...ips, ...(spec.clusterIPs ?? []).slice(ips.length)]
  spec.clusterIP = spec.clusterIPs[0]
}

async function changedAddresses(service: Service, oldService: Service, allocation: Allocation): Promise<void> {
  const spec = specOf(service)
  const old = specOf(oldService)
  if (keepsPreferred(service, oldService)) return
  if (old.type === 'ExternalName') {
    if (spec.type !== 'ExternalName') await newAddresses(service, allocation)
    return
  }
  if (isHeadless(old)) return
  const before = old.clusterIPs ?? []
  if (spec.type === 'ExternalName') {
    for (const ip of before) allocation.release(ADDRESSES, ip)
    return
  }
  const count = spec.ipFamilies?.length ?? 0
  const oldCount = old.ipFamilies?.length ?? 0
  if (oldCount === 1 && count === 2) {
    const second = await allocation.address(spec.ipFamilies?.[1] as string, spec.clusterIPs?.[1] ?? '')
    spec.clusterIPs = [spec.clusterIPs?.[0] ?? '', second]
  } else if (oldCount === 2 && count === 1 && before[1] !== undefined) allocation.release(ADDRESSES, before[1])
}

/** Ports of one number with different protocols share a node port. */
async function newPorts(service: Service, allocation: Allocation): Promise<void> {
  const spec = specOf(service)
  if (!hasNodePorts(spec)) return
  const ports = spec.ports ?? []
  const byNumber = new Map<number, number>()
  for (const [i, port] of ports.entries()) {
    if (!port.nodePort && !needsNodePorts(spec)) continue
    const shared = byNumber.get(port.port)
    if (shared === undefined) {
      const wanted = ports.find(other => other.port === port.port && other.nodePort)?.nodePort
      if (wanted === undefined) port.nodePort = await allocation.anyPort()
      else {
        await allocation.mustTakePort(wanted, i)
        port.nodePort = wanted
      }
      byNumber.set(port.port, port.nodePort)
    } else if (!port.nodePort) port.nodePort = shared
    else if (port.nodePort !== shared) await allocation.mustTakePort(port.nodePort, i)
  }
}

async function changedPorts(service: Service, oldService: Service, allocation: Allocation): Promise<void> {
  const spec = specOf(service)
  const before = nodePortsOf(specOf(oldService))
  const taken = new Set<number>()
  if (hasNodePorts(spec)) {
    for (const [i, port] of (spec.ports ?? []).entries()) {
      if (!port.nodePort) {
        if (needsNodePorts(spec)) port.nodePort = await allocation.anyPort()
      } else if (!before.includes(port.nodePort) && !taken.has(port.nodePort)) {
        await allocation.mustTakePort(port.nodePort, i)
        taken.add(port.nodePort)
      }
    }
  }
  if (!hasNodePorts(specOf(oldService))) return
  const now = hasNodePorts(spec) ? nodePortsOf(spec) : []
  for (const port of new Set(before)) if (!now.includes(port)) allocation.release(NODE_PORTS, String(port))
}

async function healthCheckPort(service: Service, oldService: Service | undefined, allocation: Allocation): Promise<void> {
  const spec = specOf(service)
  const old = oldService?.spec
  const needed = old !== undefined && needsHealthCheck(old)
  if (!needed && needsHealthCheck(spec)) {
    const wanted = spec.healthCheckNodePort
    if (!wanted) spec.healthCheckNodePort = await allocation.anyPort()
    else {
      const why = await allocation.port(wanted)
      if (why !== undefined) throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${why}`)
    }
  } else if (needed && !needsHealthCheck(spec) && old.healthCheckNodePort) allocation.release(NODE_PORTS, String(old.healthCheckNodePort))
}

/** After the Service is gone. */
export async function releaseAll({ spec = {} }: Service, { client }: RequestContext): Promise<void> {
  if (spec.type !== 'ExternalName' && !isHeadless(spec))
    for (const ip of spec.clusterIPs ?? []) await client.delete(ADDRESSES, undefined, ip)
  const ports = new Set(nodePortsOf(spec))
  if (needsHealthCheck(spec) && spec.healthCheckNodePort) ports.add(spec.healthCheckNodePort)
  for (const port of ports) await client.delete(NODE_PORTS, undefined, String(port))
}
