// File systems of the network, as folders below the data folder: EFS, and the exports of any NFS server. There is no network to mount
// them from, and what is written to them outlives tasks and this process alike.
import { mkdirSync } from 'node:fs'
import { join, normalize } from 'node:path'
import type { Efs } from '../../aws/efs.ts'
import type { Shares } from './spec.ts'

export function sharesIn(folder: string, efs: Efs): Shares {
  return {
    efs: volume => efs.mount(volume, join(folder, 'efs')),
    nfs(server, path) {
      const place = join(folder, 'nfs', server.replaceAll(/[^\w.:-]/g, '_').replaceAll(':', '_'), normalize(`/${path}`))
      mkdirSync(place, { recursive: true, mode: 0o777 })
      return place
    },
  }
}
