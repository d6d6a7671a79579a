// The cluster.
import { expect } from 'vitest'
import type { Node } from '../../shared/api/core/v1.ts'
import { chapter, eventually } from './book.ts'

const { row } = chapter(1)

row(
  'version, cluster-info, componentstatuses',
  async reader => {
    expect(await reader.kubectl(reader.isOld ? 'version --short' : 'version')).toMatch(/^Server Version: v1\.36\.\d+$/m)
    const info = await reader.kubectl('cluster-info')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: kubectl colours it
    expect(info.replaceAll(/\u001b\[[\d;]*m/g, '')).toMatch(/^Kubernetes (control plane|master) is running at https:\/\/127\.0\.0\.1:\d+$/m)
    const { stdout, stderr } = await reader.try('get componentstatuses')
    expect(stderr).toContain('v1 ComponentStatus is deprecated in v1.19+')
    expect(stdout).toMatch(/^NAME +STATUS +MESSAGE +ERROR\n/)
    for (const name of ['controller-manager', 'scheduler', 'etcd-0']) expect(stdout).toMatch(new RegExp(`^${name} +Healthy +\\S`, 'm'))
  },
  { both: true },
)

row(
  'api-resources, api-versions, explain',
  async reader => {
    const resources = await reader.kubectl('api-resources')
    expect(resources).toMatch(/^pods +po +v1 +true +Pod$/m)
    expect(resources).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m)
    expect(resources).toMatch(/^deployments +extensions\/v1beta1 +true +Deployment$/m)
    expect((await reader.kubectl('api-versions')).split('\n')).toEqual(
      expect.arrayContaining(['apps/v1', 'apps/v1beta1', 'apps/v1beta2', 'batch/v1beta1', 'extensions/v1beta1', 'v1']),
    )
    const explained = await reader.kubectl('explain pod.spec.containers.livenessProbe')
    expect(explained).toContain('Periodic probe of container liveness')
    expect(explained).toMatch(/initialDelaySeconds\s+<integer>/)
    expect(await reader.kubectl('explain deployments.spec.rollbackTo --api-version=extensions/v1beta1')).toMatch(/revision\s+<integer>/)
  },
  { both: true },
)

row('get and describe nodes', async reader => {
  const { items } = await reader.json<{ items: Node[] }>('get nodes')
  expect(items).toHaveLength(3)
  const lines = await reader.lines('get nodes -o wide')
  for (const line of lines) expect(line).toMatch(/^\S+ +Ready +\S+ +\S+ +v1\.36\.\d+\S* +\S+ +<none> +\S/)
  await reader.kubectl('run here --image=gcr.io/kuar-demo/kuard-amd64:1')
  const node = await eventually('it has a node', async () => (await reader.pods())[0]?.spec?.nodeName)
  const described = await reader.kubectl(`describe node ${node}`)
  expect(described).toMatch(/^Conditions:\n +Type +Status/m)
  expect(described).toMatch(/^ +Ready +True .*KubeletReady/m)
  expect(described).toMatch(/^Capacity:\n +cpu: +\d+/m)
  expect(described).toMatch(/^Allocatable:\n +cpu: +\d+/m)
  expect(described).toMatch(/^ +Container Runtime Version: +\S+/m)
  expect(described).toMatch(new RegExp(`^ +${reader.namespace} +here +0 \\(0%\\)`, 'm'))
  expect(described).toMatch(/^Allocated resources:/m)
  expect(described).toMatch(/^ +cpu +\d+m? \(\d+%\)/m)
})

row('proxy and DNS of a node live in the agent of each pod: kube-system has the Service of DNS, and nothing behind it', async reader => {
  expect(await reader.kubectl('get services kube-dns -n kube-system')).toMatch(
    /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nkube-dns +ClusterIP +127\.\S+ +<none> +53\/UDP,53\/TCP +\w+\n$/,
  )
  expect(await reader.lines('get pods -n kube-system -l k8s-app=kube-dns')).toEqual([])
  for (const [what, message] of [
    ['daemonsets kube-proxy', 'daemonsets.apps "kube-proxy" not found'],
    ['deployments kube-dns', 'deployments.apps "kube-dns" not found'],
  ] as const) {
    const { code, stderr } = await reader.try(`get ${what} -n kube-system`)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
  }
})

row('output in every form', async reader => {
  await reader.kubectl('create configmap first --from-literal=a=1')
  await reader.kubectl('create configmap second --from-literal=a=2 --from-literal=b=3')
  const both = 'get configmaps first second'
  expect(await reader.kubectl(`${both} --no-headers`)).toMatch(/^first +1 +\d+s\nsecond +2 +\d+s\n$/)
  expect(await reader.kubectl(`${both} -o name`)).toBe('configmap/first\nconfigmap/second\n')
  expect(await reader.kubectl(`${both} -o jsonpath={.items[*].data.a}`)).toBe('1 2')
  expect(await reader.kubectl(`${both} -o custom-columns=NAME:.metadata.name,A:.data.a`)).toMatch(/^NAME +A\nfirst +1\nsecond +2\n$/)
  expect(await reader.kubectl(`${both} -o go-template='{{range .items}}{{.data.a}};{{end}}'`)).toBe('1;2;')
  expect(await reader.kubectl('get configmap second -o yaml')).toMatch(/^apiVersion: v1\ndata:\n {2}a: "2"\n {2}b: "3"\nkind: ConfigMap\n/)
  expect(await reader.kubectl('get configmaps --field-selector metadata.name=second -o name')).toBe('configmap/second\n')
  expect(await reader.kubectl('get configmaps --sort-by={.metadata.name} -o name --chunk-size=1')).toBe(
    'configmap/first\nconfigmap/kube-root-ca.crt\nconfigmap/second\n',
  )
  expect(await reader.kubectl('get configmaps -A --no-headers')).toMatch(new RegExp(`^${reader.namespace} +first +1 `, 'm'))
  await reader.kubectl('config set-context --current --namespace=default')
  expect((await reader.try('get configmap first')).stderr).toContain('configmaps "first" not found')
  await reader.kubectl(`config set-context --current --namespace=${reader.namespace}`)
  expect(await reader.kubectl('get configmap first -o name')).toBe('configmap/first\n')
})
