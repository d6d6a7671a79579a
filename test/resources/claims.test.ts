// Growth of claims: somebody must be there who grows the volume.
import { expect, test } from 'vitest'
import { startApi } from './api.ts'

test('a claim grows when it is bound, and its class says that it may', async () => {
  const api = await startApi()
  const path = '/api/v1/namespaces/default/persistentvolumeclaims'
  const merge = 'application/merge-patch+json'
  const make = async (name: string, storageClassName: string | undefined, phase = 'Bound') => {
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } }
    await api.send('POST', path, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec })
    await api.send('PATCH', `${path}/${name}/status`, { status: { phase, capacity: { storage: '1Gi' } } }, merge)
  }
  const grow = async (name: string, storage = '2Gi') => {
    const { code, body } = await api.send('PATCH', `${path}/${name}`, { spec: { resources: { requests: { storage } } } }, merge)
    return [code, body.message]
  }
  for (const [name, allowVolumeExpansion] of Object.entries({ grows: true, fixed: false, silent: undefined }))
    await api.send('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: 'd.example.com',
      allowVolumeExpansion,
    })
  for (const name of ['grows', 'fixed', 'silent', 'gone']) await make(name, name)
  await make('none', '')
  await make('waiting', 'grows', 'Pending')
  const refusal = (name: string) =>
    `persistentvolumeclaims "${name}" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`
  expect(await grow('grows')).toEqual([200, undefined])
  for (const name of ['fixed', 'silent', 'gone', 'none']) expect(await grow(name)).toEqual([403, refusal(name)])
  expect((await grow('none', '1Gi'))[0]).toBe(200)
  // A claim that is not bound may not change at all.
  expect((await grow('waiting'))[0]).toBe(422)
})
