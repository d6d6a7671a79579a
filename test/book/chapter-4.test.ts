// Service discovery.
import { expect } from 'vitest'
import type { Endpoints, Pod, Service } from '../../shared/api/core/v1.ts'
import type { EndpointSlice } from '../../shared/api/discovery/v1.ts'
import { chapter, eventually, isReady, type Reader } from './book.ts'

const { row } = chapter(4)

const KUARD = 'gcr.io/kuar-demo/kuard-amd64'

/** As the book makes them: a Deployment, its labels, a Service. */
async function deploy(reader: Reader, name: string, version: number, replicas: number): Promise<void> {
  expect(await reader.kubectl(`create deployment ${name} --image=${KUARD}:${version} --replicas=${replicas} --port=8080`)).toBe(
    `deployment.apps/${name} created\n`,
  )
  expect(await reader.kubectl(`expose deployment ${name}`)).toBe(`service/${name} exposed\n`)
}

const addresses = (pods: readonly Pod[]) => pods.map(({ status }) => status?.podIP ?? '').sort()
const inEndpoints = async (reader: Reader, name: string) => {
  const { stdout } = await reader.try(`get endpoints ${name} -o json`)
  return ((JSON.parse(stdout) as Endpoints).subsets ?? []).flatMap(subset => (subset.addresses ?? []).map(({ ip }) => ip)).sort()
}
const allReady = (reader: Reader, name: string, count: number) =>
  eventually(`${count} pods of ${name} are ready and endpoints`, async () => {
    const pods = await reader.readyPods(`app=${name}`)
    return pods.length === count && (await inEndpoints(reader, name)).join() === addresses(pods).join() && pods
  })

/** What a command says in a pod of its own that is there for it. */
async function fromAPod(reader: Reader, name: string, script: string): Promise<string> {
  await reader.apply(`apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  restartPolicy: Never
  containers:
    - name: shell
      image: ${KUARD}:1
      command: [sh, -c, ${JSON.stringify(script)}]
`)
  await eventually(`pod ${name} has ended`, async () => {
    const { status } = await reader.json<Pod>(`get pod ${name}`)
    return status?.phase === 'Succeeded' || status?.phase === 'Failed'
  })
  return await reader.kubectl(`logs ${name}`)
}

row(
  'expose a Deployment: get services -o wide, describe service, endpoints and slices',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 3)
    await deploy(reader, 'bandicoot-prod', 2, 2)
    const pods = await allReady(reader, 'alpaca-prod', 3)
    await allReady(reader, 'bandicoot-prod', 2)
    const wide = await reader.kubectl('get services -o wide')
    expect(wide).toMatch(/^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR\n/)
    expect(wide).toMatch(/^alpaca-prod +ClusterIP +127\.\d+\.\d+\.\d+ +<none> +8080\/TCP +\d+m?\d*s? +app=alpaca-prod$/m)
    expect(wide).toMatch(/^bandicoot-prod +ClusterIP +127\.\d+\.\d+\.\d+ +<none> +8080\/TCP +\d+m?\d*s? +app=bandicoot-prod$/m)
    const { spec } = await reader.json<Service>('get service alpaca-prod')
    const described = await reader.kubectl('describe service alpaca-prod')
    expect(described).toMatch(/^Selector: +app=alpaca-prod$/m)
    expect(described).toMatch(/^Type: +ClusterIP$/m)
    expect(described).toMatch(new RegExp(`^IP: +${spec?.clusterIP}$`, 'm'))
    expect(described).toMatch(/^Port: +<unset> +8080\/TCP$/m)
    const listed = /^Endpoints: +(.+)$/m.exec(described)?.[1]?.split(',').sort()
    expect(listed).toEqual(
      addresses(pods)
        .map(ip => `${ip}:8080`)
        .sort(),
    )
    const endpoints = await reader.kubectl('describe endpoints alpaca-prod')
    expect(endpoints).toMatch(/^ +Addresses: +[\d.]+,[\d.]+,[\d.]+$/m)
    expect(endpoints).toMatch(/^ +NotReadyAddresses: +<none>$/m)
    const slices = (await reader.json<{ items: EndpointSlice[] }>('get endpointslices -l kubernetes.io/service-name=alpaca-prod')).items
    expect(
      slices
        .flatMap(slice => slice.endpoints ?? [])
        .flatMap(endpoint => endpoint.addresses)
        .sort(),
    ).toEqual(addresses(pods))
  },
  { both: true },
)

row('the Service kubernetes is where the API is', async reader => {
  expect(await reader.kubectl('get service kubernetes -n default --no-headers')).toMatch(
    /^kubernetes +ClusterIP +127\.[\d.]+ +<none> +443\/TCP /,
  )
})

row(
  'get endpoints --watch sees pods come and go',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 1)
    await allReady(reader, 'alpaca-prod', 1)
    const watching = reader.watch('get endpoints alpaca-prod --watch --no-headers')
    await eventually('the watch shows one', () => /^alpaca-prod +[\d.]+:8080 /m.test(watching.seen))
    await reader.kubectl('scale deployment alpaca-prod --replicas=2')
    await eventually('the watch shows two', () => /^alpaca-prod +[\d.]+:8080,[\d.]+:8080 /m.test(watching.seen))
    await reader.kubectl('scale deployment alpaca-prod --replicas=0')
    await eventually('the watch shows none', () => /^alpaca-prod +<none> /m.test(watching.seen))
  },
  { slow: true },
)

row(
  'edit deployment adds a readiness probe: a pod that says it is not ready is no endpoint, and is not restarted',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 2)
    await allReady(reader, 'alpaca-prod', 2)
    const probe =
      '        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, initialDelaySeconds: 0, failureThreshold: 3, successThreshold: 1}'
    const editor = `sed -i '/terminationMessagePath/i\\${probe}'`
    expect(await reader.kubectl('edit deployment/alpaca-prod', { env: { KUBE_EDITOR: editor } })).toBe(
      'deployment.apps/alpaca-prod edited\n',
    )
    await reader.kubectl('rollout status deployment/alpaca-prod --timeout=240s', { timeout: 260_000 })
    const [first] = await allReady(reader, 'alpaca-prod', 2)
    expect(first?.spec?.containers[0]?.readinessProbe?.httpGet?.path).toBe('/ready')
    const api = `http://${first?.status?.podIP}:8080/ready/api`
    await fromAPod(reader, 'fail', `wget -qO- --post-data '{"failNext":-1}' ${api}`)
    await eventually('the other pod alone is an endpoint', async () => {
      const left = await inEndpoints(reader, 'alpaca-prod')
      return left.length === 1 && left[0] !== first?.status?.podIP
    })
    await reader.see(
      `describe pod ${first?.metadata.name}`,
      /Warning +Unhealthy .*Readiness probe failed: HTTP probe failed with statuscode: 500/,
    )
    expect(await reader.kubectl('describe endpoints alpaca-prod')).toMatch(
      new RegExp(`^ +NotReadyAddresses: +${first?.status?.podIP}$`, 'm'),
    )
    const unready = await reader.json<Pod>(`get pod ${first?.metadata.name}`)
    expect({ ready: isReady(unready), restarts: unready.status?.containerStatuses?.[0]?.restartCount }).toEqual({
      ready: false,
      restarts: 0,
    })
    await fromAPod(reader, 'succeed', `wget -qO- --post-data '{"failNext":0}' ${api}`)
    await allReady(reader, 'alpaca-prod', 2)
  },
  { slow: true },
)

row(
  'from another pod, every name of the Service and its address reach its pods, spread over them',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 3)
    const pods = await allReady(reader, 'alpaca-prod', 3)
    const { spec } = await reader.json<Service>('get service alpaca-prod')
    const hosts = [
      'alpaca-prod',
      `alpaca-prod.${reader.namespace}`,
      `alpaca-prod.${reader.namespace}.svc.cluster.local`,
      spec?.clusterIP ?? '',
    ]
    const said = await fromAPod(
      reader,
      'asks',
      `${hosts.map(host => `echo at ${host}; wget -qO- http://${host}:8080/version; echo`).join('; ')}; for i in $(seq 30); do wget -qO- http://alpaca-prod:8080/version; echo; done`,
    )
    for (const host of hosts) expect(said).toMatch(new RegExp(`^at ${host}\n\\{"version":"1","hostname":"alpaca-prod-`, 'm'))
    const answered = new Set([...said.matchAll(/"hostname":"([^"]+)"/g)].map(([, hostname]) => hostname))
    expect([...answered].sort()).toEqual(pods.map(({ metadata }) => metadata.name).sort())
  },
  { slow: true },
)

row(
  'a pod that starts after the Service finds it in its environment',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 1)
    await allReady(reader, 'alpaca-prod', 1)
    const { spec } = await reader.json<Service>('get service alpaca-prod')
    const said = await fromAPod(
      reader,
      'asks',
      'env | grep ALPACA_PROD_ | sort; wget -qO- http://$ALPACA_PROD_SERVICE_HOST:$ALPACA_PROD_SERVICE_PORT/version',
    )
    expect(said).toContain(`ALPACA_PROD_PORT_8080_TCP=tcp://${spec?.clusterIP}:8080\n`)
    expect(said).toContain(`ALPACA_PROD_SERVICE_HOST=${spec?.clusterIP}\n`)
    expect(said).toContain('ALPACA_PROD_SERVICE_PORT=8080\n')
    expect(said).toContain('{"version":"1"')
  },
  { slow: true },
)

row(
  'edit service to NodePort, then LoadBalancer: a port of this machine, then an address',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 1)
    expect(await reader.kubectl('edit service alpaca-prod', { env: { KUBE_EDITOR: "sed -i 's/type: ClusterIP/type: NodePort/'" } })).toBe(
      'service/alpaca-prod edited\n',
    )
    const { spec } = await reader.json<Service>('get service alpaca-prod')
    const port = spec?.ports?.[0]?.nodePort ?? 0
    expect(port).toBeGreaterThanOrEqual(30_000)
    expect(port).toBeLessThanOrEqual(32_767)
    expect(await reader.kubectl('get service alpaca-prod --no-headers')).toMatch(
      new RegExp(`^alpaca-prod +NodePort +127[\\d.]+ +<none> +8080:${port}/TCP `),
    )
    expect(await reader.kubectl('describe service alpaca-prod')).toMatch(new RegExp(`^NodePort: +<unset> +${port}/TCP$`, 'm'))
    await allReady(reader, 'alpaca-prod', 1)
    const version = async (host: string) => (await (await fetch(`http://${host}/version`)).json()) as { version: string }
    expect(await eventually('the node port answers', () => version(`127.0.0.1:${port}`))).toMatchObject({ version: '1' })
    await reader.kubectl(`patch service alpaca-prod -p '{"spec":{"type":"LoadBalancer"}}'`)
    const shown = await reader.see(
      'get service alpaca-prod --no-headers',
      /^alpaca-prod +LoadBalancer +127[\d.]+ +127[\d.]+ +8080:\d+\/TCP /,
    )
    const external = shown.split(/ +/)[3]
    expect(await eventually('the load balancer answers', () => version(`${external}:8080`))).toMatchObject({ version: '1' })
  },
  { slow: true },
)

row(
  'a Service without selector reaches the addresses that are written for it, an ExternalName its name',
  async reader => {
    await deploy(reader, 'alpaca-prod', 1, 1)
    const [pod] = await allReady(reader, 'alpaca-prod', 1)
    await reader.apply(`apiVersion: v1
kind: Service
metadata:
  name: external-ip-database
spec:
  ports:
    - port: 3306
      targetPort: 8080
---
apiVersion: v1
kind: Endpoints
metadata:
  name: external-ip-database
subsets:
  - addresses:
      - ip: ${pod?.status?.podIP}
    ports:
      - port: 8080
---
apiVersion: v1
kind: Service
metadata:
  name: external-database
spec:
  type: ExternalName
  externalName: alpaca-prod.${reader.namespace}.svc.cluster.local
`)
    expect(await reader.kubectl('get service external-database --no-headers')).toMatch(
      /^external-database +ExternalName +<none> +alpaca-prod\.[\w.-]+ +<none> /,
    )
    expect(await reader.kubectl('describe service external-ip-database')).toMatch(
      new RegExp(`^Endpoints: +${pod?.status?.podIP}:8080$`, 'm'),
    )
    const said = await fromAPod(
      reader,
      'asks',
      'wget -qO- http://external-ip-database:3306/version; echo; nslookup external-database; wget -qO- http://external-database:8080/version',
    )
    expect(said.match(/"version":"1"/g)).toHaveLength(2)
    expect(said).toMatch(/canonical name|alpaca-prod\.[\w-]+\.svc\.cluster\.local/)
  },
  { slow: true },
)
