// ConfigMaps and Secrets.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { chapter, type Reader } from './book.ts'

const { row } = chapter(9)

const IMAGE = 'gcr.io/kuar-demo/kuard-amd64:1'

async function withFolder<T>(play: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-book-'))
  try {
    return await play(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const CONFIG = `# This is a sample config file that I might use to configure an application
parameter1 = value1
parameter2 = value2
`

/** The book's my-config: a file and two literals. */
const createConfig = (reader: Reader) =>
  withFolder(async folder => {
    writeFileSync(join(folder, 'my-config.txt'), CONFIG)
    const options = '--from-literal=extra-param=extra-value --from-literal=another-param=another-value'
    await reader.kubectl(`create configmap my-config --from-file=${join(folder, 'my-config.txt')} ${options}`)
  })

const ready = (reader: Reader, name: string) =>
  reader.kubectl(`wait --for=condition=Ready pod/${name} --timeout=120s`, { timeout: 130_000 })

row(
  'create a ConfigMap from a file and literals, look at it, and put another version in its place',
  async reader => {
    await createConfig(reader)
    const map = await reader.json<{ data: Record<string, string> }>('get configmap my-config')
    expect(map.data).toEqual({ 'my-config.txt': CONFIG, 'extra-param': 'extra-value', 'another-param': 'another-value' })
    expect(await reader.kubectl('describe configmap my-config')).toMatch(/extra-param:\n----\nextra-value/)
    const changed = await reader.kubectl('create configmap my-config --from-literal=extra-param=new --dry-run=client -o yaml')
    expect(await reader.kubectl('replace -f -', { input: changed })).toBe('configmap/my-config replaced\n')
    expect((await reader.json<typeof map>('get configmap my-config')).data).toEqual({ 'extra-param': 'new' })
  },
  { both: true },
)

row(
  'its keys are environment, arguments and files of a pod; changing it changes the files within a minute',
  async reader => {
    await createConfig(reader)
    await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: kuard-config}
spec:
  restartPolicy: Never
  containers:
    - name: test-container
      image: ${IMAGE}
      command:
        - sh
        - -c
        - echo "$0 $ANOTHER_PARAM $PREFIX_another_param"; cat /config/my-config.txt; while grep -q value1 /config/my-config.txt; do sleep 0.2; done; cat /config/my-config.txt; echo; sleep 3600
        - "$(EXTRA_PARAM)"
      env:
        - name: ANOTHER_PARAM
          valueFrom: {configMapKeyRef: {name: my-config, key: another-param}}
        - name: EXTRA_PARAM
          valueFrom: {configMapKeyRef: {name: my-config, key: extra-param}}
      volumeMounts:
        - {name: config-volume, mountPath: /config}
  volumes:
    - name: config-volume
      configMap: {name: my-config}
`)
    await ready(reader, 'kuard-config')
    await reader.see('logs kuard-config', `extra-value another-value \n${CONFIG}`)
    const before = (await reader.pods())[0]!.metadata.resourceVersion
    await reader.kubectl(`patch configmap my-config -p {"data":{"my-config.txt":"changed"}}`)
    // A minute, and what a busy machine takes on top.
    await reader.see('logs kuard-config', /changed\n$/, 120_000)
    expect((await reader.pods())[0]!.metadata.resourceVersion).toBe(before)
  },
  { slow: true },
)

row(
  'a single key in its place by subPath; what is optional may be missing; what is not keeps the pod waiting with an event',
  async reader => {
    await createConfig(reader)
    const pod = (name: string, more: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers:
    - name: app
      image: ${IMAGE}
      command: [sh, -c, "cat /etc/app/deep.conf; ls -A /optional; sleep 3600"]
${more}`
    await reader.apply(
      pod(
        'fine',
        `      env:
        - {name: NONE, valueFrom: {configMapKeyRef: {name: none, key: none, optional: true}}}
      volumeMounts:
        - {name: config, mountPath: /etc/app/deep.conf, subPath: my-config.txt}
        - {name: optional, mountPath: /optional}
  volumes:
    - {name: config, configMap: {name: my-config}}
    - {name: optional, configMap: {name: none, optional: true}}
`,
      ),
    )
    await ready(reader, 'fine')
    await reader.see('logs fine', CONFIG)

    await reader.apply(pod('no-key', '      env: [{name: X, valueFrom: {configMapKeyRef: {name: my-config, key: none}}}]\n'))
    await reader.see('get pod no-key', 'CreateContainerConfigError')
    await reader.see('describe pod no-key', /couldn't find key none in ConfigMap .*my-config/)

    await reader.apply(pod('no-map', '      volumeMounts: [{name: c, mountPath: /c}]\n  volumes: [{name: c, configMap: {name: later}}]\n'))
    await reader.see('describe pod no-map', 'MountVolume.SetUp failed for volume "c" : configmap "later" not found')
    await reader.see('get pod no-map', 'ContainerCreating')
    await reader.kubectl('create configmap later --from-literal=a=b')
    await ready(reader, 'no-map')
  },
)

row('a TLS secret is served on 8443, and its key is in no log, task definition, event or description', async reader => {
  await withFolder(async folder => {
    const [key, certificate] = [join(folder, 'kuard.key'), join(folder, 'kuard.crt')]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=kuard', '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    })
    await reader.kubectl(`create secret generic kuard-tls --from-file=${certificate} --from-file=${key}`)
    await reader.kubectl(`create secret tls kuard-typed --cert=${certificate} --key=${key}`)
    await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: kuard-tls}
spec:
  containers:
    - name: kuard
      image: ${IMAGE}
      readinessProbe: {httpGet: {path: /healthy, port: 8443, scheme: HTTPS}, periodSeconds: 1}
      volumeMounts:
        - {name: tls-certs, mountPath: /tls, readOnly: true}
  volumes:
    - name: tls-certs
      secret: {secretName: kuard-tls}
`)
    await ready(reader, 'kuard-tls')
    expect(await reader.kubectl('describe secret kuard-tls')).toMatch(/kuard\.key: +\d{4} bytes/)
    const pem = readFileSync(key, 'utf8')
    const secrets = [pem.split('\n')[3]!, Buffer.from(pem).toString('base64').slice(80, 160)]
    const shown = [
      await reader.kubectl('describe secret kuard-tls'),
      await reader.kubectl('describe pod kuard-tls'),
      await reader.kubectl('logs kuard-tls'),
      await reader.kubectl('get events -o yaml'),
      await reader.kubectl('get secret kuard-typed'),
      ...filesBelow(join(reader.cluster.dataDir, 'aws')),
      reader.cluster.log(),
    ]
    for (const secret of secrets) for (const text of shown) expect(text.includes(secret)).toBe(false)
  })
})

/** What the local AWS keeps: definitions, tasks and their overrides, logs, queues. What lies in file systems is the pods' own. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) throw new Error(`${folder} is not there`)
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'efs' || entry.name === 'nfs' ? [] : filesBelow(path)
    return entry.isFile() ? [readFileSync(path, 'utf8')] : []
  })
}

row(
  'a pod finds the token of its account, which speaks for the account, and a secret for images is a secret of its own type',
  async reader => {
    await reader.kubectl('create serviceaccount robot')
    await reader.kubectl(
      'create secret docker-registry my-image-pull-secret --docker-username=u --docker-password=p --docker-email=e@example.com',
    )
    expect(await reader.kubectl('get secret my-image-pull-secret -o jsonpath={.type}')).toBe('kubernetes.io/dockerconfigjson')
    await reader.apply(`apiVersion: v1
kind: Pod
metadata: {name: robot}
spec:
  serviceAccountName: robot
  imagePullSecrets: [{name: my-image-pull-secret}]
  restartPolicy: Never
  containers:
    - name: app
      image: ${IMAGE}
      command: [sh, -c, "cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; echo; head -1 ca.crt; cat token"]
`)
    const log = await reader.see('logs robot', /[\w-]+\.[\w-]+\.[\w-]+/)
    const [namespace, ca, token = ''] = log.trim().split('\n')
    expect([namespace, ca]).toEqual([reader.namespace, '-----BEGIN CERTIFICATE-----'])
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
    expect(claims).toMatchObject({
      sub: `system:serviceaccount:${reader.namespace}:robot`,
      'kubernetes.io': { pod: { name: 'robot', uid: (await reader.pods())[0]!.metadata.uid } },
    })
    const review = `apiVersion: authentication.k8s.io/v1\nkind: TokenReview\nspec: {token: "${token}"}\n`
    expect(await reader.kubectl('create -f - -o jsonpath={.status.user.username}', { input: review })).toBe(claims.sub)
  },
)
