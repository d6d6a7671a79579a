// Storage: volumes that somebody made, volumes that are made for claims, and what StatefulSets do with them.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { PersistentVolumeClaim } from '../../shared/api/core/v1.ts'
import { eventually } from '../tools/wait.ts'
import { chapter, isReady, type Reader } from './book.ts'

const { row } = chapter(10)

const MONGO = 'mongo:3.4.1'

/** Cluster-wide, so the name is the reader's own. */
const volume = (name: string, source: string) => `apiVersion: v1
kind: PersistentVolume
metadata:
  name: ${name}
  labels: {volume: ${name}}
spec:
  accessModes: [ReadWriteMany]
  capacity: {storage: 1Gi}
  ${source}
`

const claim = (name: string, label: string, size = '1Gi') => `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}}
spec:
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: ${size}}}
  selector: {matchLabels: {volume: ${label}}}
`

const pod = (name: string, claimName: string, script: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      image: ${MONGO}
      command: [sh, -c, "${script}"]
      volumeMounts: [{name: database, mountPath: /var/lib/data}]
  volumes:
    - name: database
      persistentVolumeClaim: {claimName: ${claimName}}
`

/** Runs a pod to its end and answers what it printed. */
async function run(reader: Reader, name: string, claimName: string, script: string): Promise<string> {
  await reader.apply(pod(name, claimName, script))
  await reader.see(`get pod ${name} -o jsonpath={.status.phase}`, /Succeeded|Failed/)
  // The end of a log comes a moment after the end of its container.
  const log = await reader.see(`logs ${name}`, /done\n$/)
  await reader.kubectl(`delete pod ${name} --now`)
  return log.replace(/done\n$/, '')
}

row('a labelled volume of NFS is bound to the claim that selects it, and keeps its files from pod to pod', async reader => {
  const name = `database-${reader.namespace}`
  await reader.apply(volume(name, 'nfs: {server: 192.168.0.1, path: /exports}'))
  try {
    await reader.apply(claim('database', name))
    await reader.see('get pvc database', new RegExp(`^NAME +STATUS +VOLUME.*\\ndatabase +Bound +${name} +1Gi +RWX`))
    expect(await reader.kubectl(`get pv ${name}`)).toMatch(new RegExp(`${name} +1Gi +RWX +Retain +Bound +${reader.namespace}/database`))
    await run(reader, 'writer', 'database', `echo kept >/var/lib/data/${name}; echo done`)
    expect(await run(reader, 'reader', 'database', `cat /var/lib/data/${name}; echo done`)).toBe('kept\n')
  } finally {
    await reader.try('delete pvc --all --wait=false')
    await reader.try(`delete pv ${name} --wait=false`)
  }
})

row('a claim for more than there is, or with other labels, stays Pending and says why', async reader => {
  const name = `small-${reader.namespace}`
  await reader.apply(volume(name, 'hostPath: {path: /tmp/zeroplane-book-none}'))
  try {
    await reader.apply(claim('too-large', name, '2Gi'))
    await reader.apply(claim('mislabelled', 'none'))
    for (const pending of ['too-large', 'mislabelled']) {
      await reader.see(`describe pvc ${pending}`, 'no persistent volumes available for this claim and no storage class is set')
      expect(await reader.kubectl(`get pvc ${pending} -o jsonpath={.status.phase}`)).toBe('Pending')
    }
    await reader.apply(pod('waiting', 'too-large', 'sleep 1'))
    await reader.see('describe pod waiting', 'pod has unbound immediate PersistentVolumeClaims')
  } finally {
    await reader.try(`delete pv ${name} --wait=false`)
  }
})

row('a path of the node, by a volume', async reader => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-book-'))
  const name = `host-${reader.namespace}`
  await reader.apply(volume(name, `hostPath: {path: ${folder}/made}`))
  try {
    await reader.apply(claim('host', name))
    await run(reader, 'writer', 'host', 'echo here >/var/lib/data/file; echo done')
    expect(readFileSync(join(folder, 'made/file'), 'utf8')).toBe('here\n')
  } finally {
    await reader.try('delete pvc --all --wait=false')
    await reader.try(`delete pv ${name} --wait=false`)
    rmSync(folder, { recursive: true, force: true })
  }
})

row(
  'a claim that asks for nothing in particular gets a volume of its own, which goes with it',
  async reader => {
    expect(await reader.kubectl('get storageclass')).toMatch(/efs \(default\) +efs\.csi\.aws\.com +Delete +Immediate/)
    await reader.apply(`apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: my-claim}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Gi}}
`)
    await reader.see('get pvc my-claim', /Bound +pvc-.* +10Gi +RWO +efs/)
    await reader.see('describe pvc my-claim', /ProvisioningSucceeded.*Successfully provisioned volume pvc-/)
    const name = (await reader.json<PersistentVolumeClaim>('get pvc my-claim')).spec!.volumeName!
    await run(reader, 'writer', 'my-claim', 'echo kept >/var/lib/data/file; echo done')
    const files = folderOf(reader, name)
    expect(readFileSync(join(files, 'file'), 'utf8')).toBe('kept\n')
    expect(await run(reader, 'again', 'my-claim', 'cat /var/lib/data/file; echo done')).toBe('kept\n')
    await reader.kubectl('delete pvc my-claim')
    await eventually('the volume is gone', async () => (await reader.try(`get pv ${name}`)).stderr.includes('not found'))
    expect(existsSync(files)).toBe(false)
  },
  { both: true },
)

function folderOf({ cluster }: Reader, name: string): string {
  const root = join(cluster.dataDir, 'aws/efs')
  const [fileSystem] = readdirSync(root)
  return join(root, fileSystem!, 'zeroplane', name)
}

const mongo = (replicas: number) => `apiVersion: v1
kind: Service
metadata: {name: mongo}
spec:
  clusterIP: None
  ports: [{port: 27017, name: peer}]
  selector: {app: mongo}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: mongo}
spec:
  serviceName: mongo
  replicas: ${replicas}
  selector: {matchLabels: {app: mongo}}
  template:
    metadata: {labels: {app: mongo}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: mongodb
          image: ${MONGO}
          command: [sh, -c, "echo began >>/data/db/lives; wc -l </data/db/lives; hostname; sleep 3600"]
          volumeMounts: [{name: database, mountPath: /data/db}]
  volumeClaimTemplates:
    - metadata: {name: database}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
`

row('mongo, three replicas in order, each with a volume of its own that it finds again', async reader => {
  const watch = reader.watch('get pods -w --no-headers')
  await reader.apply(mongo(3))
  await eventually('three pods of mongo are ready', async () => (await reader.readyPods('app=mongo')).length === 3, 240_000)
  const order = [...watch.seen.matchAll(/^(mongo-\d)/gm)].map(([, name]) => name)
  expect([...new Set(order)]).toEqual(['mongo-0', 'mongo-1', 'mongo-2'])
  expect((await reader.lines('get pvc -o name')).sort()).toEqual([0, 1, 2].map(number => `persistentvolumeclaim/database-mongo-${number}`))
  const uid = async () => (await reader.pods('app=mongo')).find(({ metadata }) => metadata.name === 'mongo-1')?.metadata.uid
  const first = await uid()
  await reader.kubectl('delete pod mongo-1')
  await eventually('another mongo-1 is ready', async () => {
    const found = (await reader.pods('app=mongo')).find(({ metadata }) => metadata.name === 'mongo-1')
    return found !== undefined && found.metadata.uid !== first && isReady(found)
  })
  await reader.see('logs mongo-1', /^2\nmongo-1\n$/)
  await reader.see('logs mongo-0', /^1\nmongo-0\n$/)

  await reader.kubectl('scale statefulset mongo --replicas=1')
  await eventually('only mongo-0 is left', async () => (await reader.pods('app=mongo')).length === 1)
  const ends = [...watch.seen.matchAll(/^(mongo-[12]) .*Terminating/gm)].map(([, name]) => name)
  expect(ends.lastIndexOf('mongo-1')).toBeGreaterThan(ends.lastIndexOf('mongo-2'))
  await watch.stop()
  // The claims stay, and what is in them.
  await reader.kubectl('scale statefulset mongo --replicas=2')
  await reader.see('logs mongo-1', /^3\nmongo-1\n$/)
  await reader.kubectl('delete statefulset mongo')
  await reader.kubectl('delete pvc --all --wait=false')
})
