// kube-proxy and cluster DNS of one pod. Addresses of Services are addresses of the pod's own loopback, on which this listens; one thing
// limits that: a listener on address:port and an app on 0.0.0.0:port exclude each other in Linux. The app must always win, so
//   - nothing is listened on that the pod declares, probes, exposes or is selected for. The names of such Services lead to their pods;
//   - all listeners are dropped before a container runs again, and taken back some time after: a clash that could not be foreseen costs
//     one restart, and not each of them.
import type { Socket } from 'node:net'
import type { AgentEvent, ImageDefaults, NetworkPlan, PodPlan } from '../../shared/pods/agent-protocol.ts'
import type { KnownServices, ServiceNews, ServiceView } from '../../shared/pods/services/protocol.ts'
import { reservedPorts } from '../../shared/pods/services/reserved-ports.ts'
import { after, type Clock } from '../clock.ts'
import { apiProxy } from './api-proxy.ts'
import { Balancer, type Target } from './balancer.ts'
import { DOMAIN, type Names } from './dns-answers.ts'
import { DNS_PORT, DnsServer } from './dns-server.ts'
import { Listeners, type Spot, spotKey } from './listeners.ts'
import { hostsFile, type Resolver, resolvConf, resolverOf } from './name-files.ts'
import { ServiceBook } from './service-book.ts'
import { proxyConnection } from './tcp-proxy.ts'
import { Upstream } from './upstream.ts'

export interface PodNetworkOptions {
  readonly clock: Clock
  /** What the task's network gave. */
  readonly network: Resolver
  /** Where the API is: https://host[:port]. */
  readonly apiUrl: string
  /** PEM of its authority; absent: the public ones. */
  readonly apiCa?: string
  image(container: string): ImageDefaults
  podIPs(): readonly string[]
  /** Every container is ready. */
  ready(): boolean
  /** Puts the text where the containers see it under that name in /etc. */
  write(name: 'resolv.conf' | 'hosts', text: string): void
  /** The next report says something new. */
  report(): void
  /** The control plane tells changes by itself. */
  pushed(): boolean
  event(event: Omit<AgentEvent, 'id'>): void
  log(message: string): void
  /** Tests have their own. */
  readonly dnsPort?: number
}

const API_SERVICE = 'default/kubernetes'
/** After the first restart of a container; three times as long after each further one: who is slow to listen must win, too. */
const FIRST_PAUSE_MS = 3_000
const LONGEST_PAUSE_MS = 120_000
/** After the pod is out of its Services: until every other agent knows. And when that takes too long. */
const DRAIN_REST_MS = 400
const DRAIN_LIMIT_MS = 3_000
/** So many Services are listened for unasked; those that the pod has looked up by name come on top. A listener costs some kilobytes. */
const MOST_UNASKED = 200
/** Where changes are not pushed, an endpoint that refuses is a reason to ask, but not each time. */
const ASK_AGAIN_MS = 5_000

export class PodNetwork {
  readonly #options: PodNetworkOptions
  readonly #book: ServiceBook
  readonly #balancer: Balancer
  readonly #listeners: Listeners
  readonly #upstream: Upstream
  readonly #told = new Set<string>()
  readonly #watchers = new Set<() => void>()
  #pod: PodPlan | undefined
  #dns: DnsServer | undefined
  #apiProxy: ((client: Socket) => void) | undefined
  /** Settles when the name service is there, or it is known that it cannot be. */
  #named: Promise<void> = Promise.resolve()
  #reported: KnownServices = {}
  #restarts = 0
  #wasReady = false
  #paused = false
  #cancelPause = () => {}
  #askedAt = 0

  constructor(options: PodNetworkOptions) {
    const { clock, report, pushed, log } = options
    this.#options = options
    this.#balancer = new Balancer(clock.now)
    this.#upstream = new Upstream(options.network.nameservers)
    this.#listeners = new Listeners({ now: clock.now, log, taken: spot => this.#taken(spot) })
    this.#book = new ServiceBook({ clock, ask: report, pushed, changed: () => this.#changed() })
  }

  /** For the report that goes out now. */
  known(): KnownServices {
    this.#reported = this.#book.known()
    return this.#reported
  }

  /** The answer to that report. */
  apply(news: ServiceNews | undefined) {
    this.#book.apply(news, this.#reported)
  }

  /** Names are there before the first container is. */
  adopt(pod: PodPlan) {
    const first = this.#pod === undefined
    this.#pod = pod
    if (first) {
      const serves = this.#reserved().has(DNS_PORT)
      this.#writeFiles(pod, !serves)
      if (serves) this.#withoutDns('the pod itself serves port 53')
      else this.#named = this.#listenDns(pod)
    }
    this.#update()
  }

  /** A container is about to run, for the first time or again. It may when this resolves. */
  async starting(again: boolean): Promise<void> {
    await this.#named
    if (!again) return
    this.#paused = true
    this.#cancelPause()
    this.#update()
    const pause = Math.min(FIRST_PAUSE_MS * 3 ** this.#restarts++, LONGEST_PAUSE_MS)
    this.#cancelPause = after(this.#options.clock, pause, () => {
      this.#paused = false
      this.#update()
    })
  }

  /** Something about the containers changed. */
  step() {
    if (this.#pod && this.#options.ready() !== this.#wasReady) this.#update()
  }

  /**
   * The pod is to end: resolves when nothing new is sent to it any more, as far as that can be known.
   *
   *   user       : delete
   *   controller :        endpoint is terminating
   *   agents     :                               leave it out
   *   this agent :        waits for that ........ and a little longer; then TERM
   */
  async drained(): Promise<void> {
    const over = after(this.#options.clock, DRAIN_LIMIT_MS, () => this.#wake())
    const deadline = this.#options.clock.now() + DRAIN_LIMIT_MS
    const wait = (milliseconds: number) => new Promise<void>(resolve => void after(this.#options.clock, milliseconds, resolve))
    if (!this.#isServing()) return over()
    while (this.#isServing() && this.#options.clock.now() < deadline) await new Promise<void>(resolve => this.#watchers.add(resolve))
    over()
    await wait(DRAIN_REST_MS)
  }

  close() {
    this.#cancelPause()
    this.#listeners.want([])
    this.#dns?.close()
    this.#upstream.close()
  }

  #wake() {
    for (const watcher of this.#watchers) watcher()
    this.#watchers.clear()
  }

  #changed() {
    this.#update()
    this.#wake()
  }

  #isServing(): boolean {
    const mine = this.#options.podIPs()
    return [...this.#book.all()].some(
      ({ view }) =>
        view.own && !view.publishesNotReady && view.groups.some(({ endpoints }) => endpoints.some(({ address }) => mine.includes(address))),
    )
  }

  #update() {
    this.#wasReady = this.#options.ready()
    this.#listeners.want(this.#spots())
  }

  #reserved(): ReadonlySet<number> {
    return reservedPorts(
      this.#pod?.containers ?? [],
      name => this.#options.image(name).ports ?? [],
      [...this.#book.all()].flatMap(({ view }) => view.own ?? []),
    )
  }

  *#spots(): Iterable<Spot> {
    const pod = this.#pod
    if (!pod) return
    const reserved = this.#reserved()
    const { address, port } = pod.network.api
    if (!reserved.has(port)) yield this.#apiSpot(address, port)
    if (this.#paused) return
    if (!reserved.has(443)) yield this.#apiSpot(address, 443)
    const [podIP] = this.#options.podIPs()
    const ready = this.#options.ready()
    let unasked = 0
    for (const { name, view, asked } of this.#book.all()) {
      const isListened = asked || view.clusterIPs.length === 0 || ++unasked <= MOST_UNASKED
      for (const spot of addressesOf(name, view, pod.network)) {
        if (isListened && !reserved.has(spot.port)) yield this.#serviceSpot(name, spot)
      }
      // For pods in which the Service's name leads to its pods: there its port is ours, whatever the container's is.
      for (const { protocol, port, target } of view.own ?? []) {
        if (!ready || podIP === undefined || port === target || reserved.has(port)) continue
        const targets = [{ host: podIP, port: target }]
        yield {
          protocol,
          address: podIP,
          port,
          connection: client => proxyConnection(client, targets, { reached: () => {}, refused: () => {} }),
          choose: () => targets[0],
        }
      }
    }
  }

  #apiSpot(address: string, port: number): Spot {
    return { protocol: 'TCP', address, port, connection: client => this.#toApi(client), choose: () => undefined }
  }

  #toApi(client: Socket) {
    const { apiUrl: url, apiCa: ca } = this.#options
    const certificate = this.#pod?.network.api.certificate
    if (!certificate) return proxyConnection(client, [targetOf(url)], { reached: () => {}, refused: () => {} })
    const { cert, key } = certificate
    this.#apiProxy ??= apiProxy({ url, ca, cert, key })
    this.#apiProxy(client)
  }

  #serviceSpot(name: string, { protocol, address, port, portName }: Address): Spot {
    const service = `${name} ${protocol} ${port}`
    const seconds = () => this.#book.get(name)?.affinitySeconds
    const targets = () => this.#balancer.order(service, targetsOf(this.#book.get(name), portName, protocol), seconds())
    return {
      protocol,
      address,
      port,
      connection: client => {
        const order = targets()
        if (order.length === 0) this.#askAgain()
        proxyConnection(client, order, {
          reached: target => this.#balancer.reached(service, target, seconds()),
          refused: target => this.#refused(target),
        })
      },
      choose: () => {
        const [target] = targets()
        if (target) this.#balancer.reached(service, target, seconds())
        return target
      },
    }
  }

  #refused(target: Target) {
    this.#balancer.refused(target)
    this.#askAgain()
  }

  /** What we know does not lead anywhere; there may be news. */
  #askAgain() {
    const { clock, pushed, report } = this.#options
    if (pushed() || clock.now() - this.#askedAt < ASK_AGAIN_MS) return
    this.#askedAt = clock.now()
    report()
  }

  #taken({ protocol, address, port }: Spot) {
    const key = `${protocol} ${port}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    const message = `Port ${port} is taken by a container of the pod, so ${address}:${port} is not reachable from it: names of Services with this port lead to their pods. Declare the port in the pod's spec`
    this.#options.event({ type: 'Normal', reason: 'ServicePortTaken', message })
  }

  #withoutDns(why: string) {
    const message = `Cluster DNS is not available in this pod: ${why}. It has the network's own resolver instead`
    this.#options.event({ type: 'Warning', reason: 'MissingClusterDNS', message })
  }

  async #listenDns(pod: PodPlan) {
    const { log, dnsPort: port } = this.#options
    const { dnsAddress: address } = pod.network
    try {
      this.#dns = await DnsServer.listen({ address, port, names: this.#names(pod), upstream: this.#upstream, log })
    } catch (error) {
      this.#writeFiles(pod, false)
      this.#withoutDns((error as Error).message)
    }
  }

  #writeFiles({ network, namespace }: PodPlan, dns: boolean) {
    const resolver = resolverOf(network, namespace, this.#options.network, dns ? network.dnsAddress : undefined)
    this.#options.write('resolv.conf', resolvConf(resolver))
    this.#options.write('hosts', hostsFile(network, this.#options.podIPs()))
  }

  #names({ namespace, network }: PodPlan): Names {
    return {
      namespace,
      service: (space, name) => this.#book.find(`${space}/${name}`),
      reachable: async (space, name, view) => {
        const service = `${space}/${name}`
        if (service === API_SERVICE) return true
        if (view.clusterIPs.includes(network.dnsAddress)) return true
        const addresses = [...addressesOf(service, view, network)]
        if (addresses.length < view.clusterIPs.length * view.ports.length) return false
        const isOpen = () => addresses.every(address => this.#listeners.isOpen(spotKey(address)))
        if (isOpen()) return true
        // It may just have been learned, or an app has given the port back.
        this.#update()
        await this.#listeners.settled()
        return isOpen()
      },
      namesOf: address => [
        ...(address === network.api.address ? [`kubernetes.default.svc.${DOMAIN}`] : []),
        ...[...this.#book.all()].flatMap(({ name, view }) => namesIn(name, view, address)),
      ],
      isClusterAddress: address => address.startsWith('127.') && !address.startsWith('127.0.'),
      resolve: question => this.#upstream.resolve(question),
    }
  }
}

/** https://host[:port] */
function targetOf(url: string): Target {
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname, port: Number(port) || (protocol === 'http:' ? 80 : 443) }
}

interface Address {
  readonly protocol: 'TCP' | 'UDP'
  readonly address: string
  readonly port: number
  readonly portName: string
}

/** What can be listened on: the loopback's addresses. The API's own is not the Service's, and neither is that of DNS. */
function* addressesOf(name: string, { clusterIPs, ports }: ServiceView, { dnsAddress }: NetworkPlan): Iterable<Address> {
  if (name === API_SERVICE) return
  for (const address of clusterIPs) {
    if (!address.startsWith('127.') || address === dnsAddress) continue
    for (const { protocol, port, name: portName } of ports) yield { protocol, address, port, portName }
  }
}

function targetsOf(view: ServiceView | undefined, portName: string, protocol: string): Target[] {
  return (view?.groups ?? []).flatMap(({ ports, endpoints }) => {
    const port = ports.find(known => known.name === portName && known.protocol === protocol)?.port
    return port === undefined ? [] : endpoints.map(({ address }) => ({ host: address, port }))
  })
}

function namesIn(service: string, { clusterIPs, groups }: ServiceView, address: string): string[] {
  const [namespace, name] = service.split('/')
  const domain = `${name}.${namespace}.svc.${DOMAIN}`
  if (clusterIPs.includes(address)) return [domain]
  return groups.flatMap(({ endpoints }) =>
    endpoints.filter(endpoint => endpoint.address === address && endpoint.hostname).map(({ hostname }) => `${hostname}.${domain}`),
  )
}
