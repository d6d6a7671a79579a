// Addresses and ranges (k8s.io/apiserver/pkg/cel/library/ip.go, cidr.go).
import { BlockList, isIP } from 'node:net'
import type { Environment } from '@marcbachmann/cel-js'

export class CelIP {
  readonly text: string
  readonly family: 4 | 6
  constructor(text: string) {
    const family = isIP(text)
    if (family === 0 || text.includes('%'))
      throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string: unable to parse IP`)
    this.text = text
    this.family = family as 4 | 6
  }
}

export class CelCIDR {
  readonly text: string
  readonly ip: CelIP
  readonly bits: number
  constructor(text: string) {
    const [address = '', bits = '', ...more] = text.split('/')
    this.ip = new CelIP(address)
    this.bits = Number(bits)
    const most = this.ip.family === 4 ? 32 : 128
    if (more.length > 0 || !/^\d+$/.test(bits) || this.bits > most)
      throw new Error(`network address parse error during conversion from string: network address is invalid: ${text}`)
    this.text = text
  }
}

const family = ({ family }: CelIP) => (family === 4 ? 'ipv4' : 'ipv6') as 'ipv4' | 'ipv6'

function contains(cidr: CelCIDR, ip: CelIP): boolean {
  if (cidr.ip.family !== ip.family) return false
  const list = new BlockList()
  list.addSubnet(cidr.ip.text, cidr.bits, family(cidr.ip))
  return list.check(ip.text, family(ip))
}

const inside = (text: string, bits: number) => (ip: CelIP) => {
  const cidr = new CelCIDR(`${text}/${bits}`)
  return contains(cidr, ip)
}
const LOOPBACK = [inside('127.0.0.0', 8), inside('::1', 128)]
const LINK_LOCAL = [inside('169.254.0.0', 16), inside('fe80::', 10)]
const LINK_LOCAL_MULTICAST = [inside('224.0.0.0', 24), inside('ff02::', 16)]
const UNSPECIFIED = [inside('0.0.0.0', 32), inside('::', 128)]
const MULTICAST = [inside('224.0.0.0', 4), inside('ff00::', 8)]
const any = (checks: readonly ((ip: CelIP) => boolean)[]) => (ip: CelIP) => checks.some(check => check(ip))

const works = (make: (text: string) => unknown) => (text: string) => {
  try {
    return make(text) !== undefined
  } catch {
    return false
  }
}

export function registerNetwork(environment: Environment): void {
  environment.registerType('net.IP', CelIP)
  environment.registerType('net.CIDR', CelCIDR)
  const ip = (text: string) => new CelIP(text)
  const cidr = (text: string) => new CelCIDR(text)
  environment.registerFunction('ip(string): net.IP', ip)
  environment.registerFunction('isIP(string): bool', works(ip))
  environment.registerFunction('net.IP.family(): int', (address: CelIP) => BigInt(address.family))
  environment.registerFunction('net.IP.isLoopback(): bool', any(LOOPBACK))
  environment.registerFunction('net.IP.isUnspecified(): bool', any(UNSPECIFIED))
  environment.registerFunction('net.IP.isLinkLocalUnicast(): bool', any(LINK_LOCAL))
  environment.registerFunction('net.IP.isLinkLocalMulticast(): bool', any(LINK_LOCAL_MULTICAST))
  environment.registerFunction(
    'net.IP.isGlobalUnicast(): bool',
    (address: CelIP) => !any([...LOOPBACK, ...UNSPECIFIED, ...LINK_LOCAL, ...MULTICAST])(address),
  )
  environment.registerFunction('cidr(string): net.CIDR', cidr)
  environment.registerFunction('isCIDR(string): bool', works(cidr))
  environment.registerFunction('net.CIDR.containsIP(string): bool', (range: CelCIDR, text: string) => contains(range, ip(text)))
  environment.registerFunction('net.CIDR.containsIP(net.IP): bool', contains)
  const containsRange = (range: CelCIDR, other: CelCIDR) => range.bits <= other.bits && contains(range, other.ip)
  environment.registerFunction('net.CIDR.containsCIDR(string): bool', (range: CelCIDR, text: string) => containsRange(range, cidr(text)))
  environment.registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', containsRange)
  environment.registerFunction('net.CIDR.ip(): net.IP', (range: CelCIDR) => range.ip)
  environment.registerFunction('net.CIDR.prefixLength(): int', (range: CelCIDR) => BigInt(range.bits))
}
