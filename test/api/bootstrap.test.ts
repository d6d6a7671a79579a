// The built-in objects at later starts.
import { expect, it } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' }
const SERVICES = { group: '', resource: 'services' }

it('a newer version brings objects that the cluster has not, and leaves those that it has', async () => {
  const store = new MemoryStore()
  const first = await createApi({ store })
  expect(await first.machinery.client.get(CLASSES, undefined, 'efs')).toBeUndefined()
  const service = await first.machinery.client.get(SERVICES, 'default', 'kubernetes')
  const second = await createApi({ store, hasFileSystem: true })
  expect(await second.machinery.client.get(CLASSES, undefined, 'efs')).toMatchObject({ provisioner: 'efs.csi.aws.com' })
  expect(await second.machinery.client.get(SERVICES, 'default', 'kubernetes')).toEqual(service)
})
