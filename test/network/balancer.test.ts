import { describe, expect, it } from 'vitest'
import { Balancer } from '../../agent/network/balancer.ts'

const targets = ['a', 'b', 'c'].map(host => ({ host, port: 80 }))
const bench = () => {
  const clock = { now: 1_000_000 }
  return { clock, balancer: new Balancer(() => clock.now) }
}

describe('Balancer', () => {
  it('gives each endpoint its turn, and names the others as the next to try', () => {
    const { balancer } = bench()
    const first = Array.from({ length: 9 }, () => balancer.order('s', targets)[0]!.host)
    for (const { host } of targets) expect(first.filter(one => one === host)).toHaveLength(3)
    expect(
      balancer
        .order('s', targets)
        .map(({ host }) => host)
        .sort(),
    ).toEqual(['a', 'b', 'c'])
  })

  it('tries one that has refused last, until it has been left alone for a while or was reached', () => {
    const { balancer, clock } = bench()
    balancer.refused(targets[1]!)
    for (let n = 0; n < 6; n++) expect(balancer.order('s', targets).at(-1)!.host).toBe('b')
    balancer.reached('s', targets[1]!)
    expect(Array.from({ length: 3 }, () => balancer.order('s', targets)[0]!.host)).toContain('b')
    balancer.refused(targets[1]!)
    clock.now += 60_000
    expect(Array.from({ length: 3 }, () => balancer.order('s', targets)[0]!.host)).toContain('b')
  })

  it('stays with one endpoint where the Service has affinity: while it is there, takes connections, and the time is not over', () => {
    const { balancer, clock } = bench()
    balancer.reached('s', targets[2]!, 100)
    for (let n = 0; n < 6; n++) expect(balancer.order('s', targets, 100)[0]!.host).toBe('c')
    expect(balancer.order('s', targets.slice(0, 2), 100)).toHaveLength(2)
    balancer.refused(targets[2]!)
    expect(balancer.order('s', targets, 100)[0]!.host).not.toBe('c')
    balancer.reached('s', targets[2]!, 100)
    clock.now += 101_000
    expect(new Set(Array.from({ length: 3 }, () => balancer.order('s', targets, 100)[0]!.host)).size).toBe(3)
  })

  it('has nothing to offer when there is nothing', () => {
    expect(bench().balancer.order('s', [])).toEqual([])
  })
})
