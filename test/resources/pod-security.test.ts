// Pod Security Standards through the door, where the recorded answers do not look: versions, updates, workload kinds.
import { beforeEach, describe, expect, it } from 'vitest'
import { startApi, type TestApi } from './api.ts'

const PODS = '/api/v1/namespaces/n/pods'
const MERGE = 'application/merge-patch+json'
const label = (name: string) => `pod-security.kubernetes.io/${name}`

describe('PodSecurity', () => {
  let api: TestApi

  beforeEach(async () => {
    api = await startApi()
    await api.send('POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
    await api.send('POST', '/api/v1/namespaces/n/serviceaccounts', { metadata: { name: 'default' } })
  })

  const ask = (labels: Record<string, string>) => api.send('PATCH', '/api/v1/namespaces/n', { metadata: { labels } }, MERGE)
  const pod = (spec: object, name = 'p') =>
    api.send('POST', `${PODS}?dryRun=All`, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } })

  it.each([
    ['v1.26', 'net.ipv4.ip_local_reserved_ports', 403],
    ['v1.27', 'net.ipv4.ip_local_reserved_ports', 201],
    ['v1.31', 'net.ipv4.tcp_rmem', 403],
    ['v1.32', 'net.ipv4.tcp_rmem', 201],
    ['v1.99', 'net.ipv4.tcp_rmem', 201],
    ['latest', 'kernel.msgmax', 403],
  ])('of version %s has %s answered by %i', async (version, name, code) => {
    await ask({ [label('enforce')]: 'baseline', [label('enforce-version')]: version })
    expect(await pod({ securityContext: { sysctls: [{ name, value: '1' }] } })).toMatchObject({ code })
  })

  it('lets the root of a user namespace be root', async () => {
    await ask({ [label('enforce')]: 'restricted' })
    const safe = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsUser: 0 }
    const spec = {
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'c', image: 'i', securityContext: safe }],
    }
    expect(await pod(spec)).toMatchObject({ code: 403 })
    expect(await pod({ ...spec, hostUsers: false })).toMatchObject({ code: 201 })
  })

  it('looks at a pod that is there only when what it judges changes', async () => {
    await api.send('POST', PODS, { metadata: { name: 'p' }, spec: { hostNetwork: true, containers: [{ name: 'c', image: 'i' }] } })
    const warned = await ask({ [label('enforce')]: 'baseline' })
    expect(warned.warning).toContain('p: host namespaces')
    expect(await api.send('PATCH', `${PODS}/p`, { metadata: { labels: { a: 'b' } } }, MERGE)).toMatchObject({ code: 200 })
    const debug = { ephemeralContainers: [{ name: 'd', image: 'i', targetContainerName: 'c' }] }
    const answer = await api.send('PATCH', `${PODS}/p/ephemeralcontainers`, { spec: debug }, 'application/strategic-merge-patch+json')
    expect(answer).toMatchObject({ code: 403, body: { message: expect.stringContaining('host namespaces (hostNetwork=true)') } })
  })

  it('warns of every kind that makes pods, and refuses none', async () => {
    await ask({ [label('enforce')]: 'baseline' })
    const template = { metadata: { labels: { a: 'b' } }, spec: { hostPID: true, containers: [{ name: 'c', image: 'i' }] } }
    const selector = { matchLabels: { a: 'b' } }
    const kinds: [string, object][] = [
      ['/api/v1/namespaces/n/replicationcontrollers', { spec: { selector: { a: 'b' }, template } }],
      ['/api/v1/namespaces/n/podtemplates', { template }],
      ['/apis/apps/v1/namespaces/n/replicasets', { spec: { selector, template } }],
      ['/apis/batch/v1/namespaces/n/jobs', { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } }],
    ]
    for (const [path, object] of kinds) {
      const answer = await api.send('POST', path, { metadata: { name: 'w' }, ...object })
      expect([path, answer.code, answer.warning]).toEqual([path, 201, expect.stringContaining('host namespaces (hostPID=true)')])
    }
  })

  it('keeps a namespace whose labels were wrong before writable', async () => {
    expect(await ask({ [label('enforce')]: 'odd' })).toMatchObject({ code: 422 })
    expect(await ask({ [label('audit')]: 'baseline', other: 'label' })).toMatchObject({ code: 200 })
  })
})
