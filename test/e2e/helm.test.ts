// Helm 3 and 4 as a person would use them: a chart with a definition of a kind, an object of it, hooks, and what every chart has.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../tools/cluster.ts'
import { type KubectlVersion, runProgram, toolsFolder } from '../tools/kubectl.ts'

const folder = mkdtempSync(join(tmpdir(), 'zeroplane-helm-'))
let cluster: Cluster

const CHART: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: "1"\n',
  'values.yaml': 'replicas: 1\nimage: zeroplane/demo:1\n',
  'crds/prices.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: prices.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: prices, singular: price, kind: Price}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {cents: {type: integer}}}}}}
`,
  'templates/all.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}", labels: {app: "{{ .Release.Name }}"}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: shop, image: "{{ .Values.image }}", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: shop.example.com/v1
kind: Price
metadata: {name: "{{ .Release.Name }}"}
spec: {cents: {{ mul .Values.replicas 100 }}}
`,
  'templates/hook.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-before", annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: before-hook-creation}}
data: {for: "{{ .Capabilities.KubeVersion }}"}
`,
}

beforeAll(async () => {
  for (const [name, text] of Object.entries(CHART)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  cluster = await Cluster.prepare({ flags: ['--store', 'memory', '--ecs', 'simulated'] })
  await cluster.start()
})
afterAll(async () => {
  await cluster?.destroy()
  rmSync(folder, { recursive: true, force: true })
})

async function helm(version: KubectlVersion, line: string): Promise<string> {
  const program = join(await toolsFolder(version), 'helm', 'helm')
  const env = { KUBECONFIG: cluster.kubeconfig, HOME: cluster.dataDir }
  const { code, stdout, stderr } = await runProgram(program, line.split(' '), { env, timeout: 100_000 })
  expect(code, `helm ${line}:\n${stdout}${stderr}`).toBe(0)
  return stdout
}

test.each([
  ['4', '1.36', 'new'],
  ['3', '1.22', 'old'],
] as const)('Helm %s installs, upgrades, rolls back and uninstalls', async (_, version, name) => {
  expect(await helm(version, `install ${name} ${folder} --wait --timeout 60s`)).toContain('STATUS: deployed')
  expect(await cluster.kubectl(`get deploy,price,configmap -l !none -o name`)).toContain(`price.shop.example.com/${name}`)
  expect(await cluster.kubectl(`get cm ${name}-before -o jsonpath={.data.for}`)).toBe('v1.36.3')

  await helm(version, `upgrade ${name} ${folder} --set replicas=3 --wait --timeout 60s`)
  expect(await cluster.kubectl(`get deploy ${name} -o jsonpath={.status.readyReplicas}`)).toBe('3')
  expect(await cluster.kubectl(`get price ${name} -o jsonpath={.spec.cents}`)).toBe('300')

  await helm(version, `rollback ${name} 1 --wait --timeout 60s`)
  expect(await cluster.kubectl(`get deploy ${name} -o jsonpath={.spec.replicas}`)).toBe('1')
  expect(await cluster.kubectl(`get price ${name} -o jsonpath={.spec.cents}`)).toBe('100')
  expect(await helm(version, `history ${name}`)).toMatch(/1 .*superseded[\s\S]*2 .*superseded[\s\S]*3 .*deployed .*Rollback to 1/)

  await helm(version, `uninstall ${name} --wait --timeout 60s`)
  expect(await cluster.kubectl(`get deploy,rs,pod,svc,price -l app=${name} -o name`)).toBe('')
  expect(await helm(version, 'list -q')).toBe('')
})
