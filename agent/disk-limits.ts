// Holds emptyDirs to their sizeLimit: kubelet looks now and then, and evicts the pod whose volume has grown larger.
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DiskLimit, volumePath } from '../shared/pods/agent-protocol.ts'
import { after, type Clock } from './clock.ts'

/** As often as kubelet's eviction manager looks. */
const PERIOD_MS = 10_000
const BLOCK = 512

export interface DiskLimitsOptions {
  readonly clock: Clock
  /** Once, with what kubelet says of it. */
  exceeded(message: string): void
  /** Folder of a volume; tests have their own. */
  path?(folder: string): string
}

export class DiskLimits {
  readonly #options: DiskLimitsOptions
  #limits: readonly DiskLimit[] | undefined

  constructor(options: DiskLimitsOptions) {
    this.#options = options
  }

  /** Of the first plan; a pod's volumes do not change. */
  adopt(limits: readonly DiskLimit[] = []) {
    if (this.#limits) return
    this.#limits = limits
    if (limits.length > 0) this.#later()
  }

  #later() {
    after(this.#options.clock, PERIOD_MS, () => void this.look().then(() => this.#later()))
  }

  /** Tells of the first volume that is too large, and looks no more. */
  async look() {
    for (const { volume, folders, bytes, limit } of this.#limits ?? []) {
      let used = 0
      for (const folder of folders) used += await usage((this.#options.path ?? volumePath)(folder))
      if (used <= bytes) continue
      this.#limits = []
      this.#options.exceeded(`Usage of EmptyDir volume ${JSON.stringify(volume)} exceeds the limit ${JSON.stringify(limit)}. `)
      return
    }
  }
}

/** Bytes on the disk. What goes while it is counted counts for nothing; links are not followed. */
async function usage(folder: string): Promise<number> {
  let bytes = 0
  try {
    for await (const entry of await opendir(folder)) {
      const path = join(folder, entry.name)
      const stats = await lstat(path)
      bytes += stats.blocks * BLOCK
      if (stats.isDirectory()) bytes += await usage(path)
    }
  } catch {
    // Somebody removed it meanwhile.
  }
  return bytes
}
