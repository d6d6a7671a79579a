// The volumes whose files the agent writes: before any container starts, and again when their sources have changed or a token grows old.
import { createHash } from 'node:crypto'
import { type PodVolumes, type VolumeFile, type VolumesAsked, volumePath } from '../shared/pods/agent-protocol.ts'
import { writeAtomically } from './atomic-writer.ts'
import { after, type Clock } from './clock.ts'

export interface VolumesOptions {
  readonly clock: Clock
  /** There is something to ask, or containers may start now. */
  changed(): void
  /** A FailedMount event. */
  failed(message: string): void
  /** Folder of a volume; tests have their own. */
  path?(folder: string): string
}

/** As kubelet tries again: soon at first, every two minutes in the end. */
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 122_000
/** Pods that started together need not ask together. */
const SPREAD = 0.1

export class WrittenVolumes {
  readonly #options: VolumesOptions
  #asked: VolumesAsked | undefined = { version: '', renew: false }
  /** By folder, what is in its files: one that does not change is not touched. */
  readonly #written = new Map<string, string>()
  #ready = false
  #retryMs = FIRST_RETRY_MS
  #cancelRefresh = () => {}
  #cancelRenewal = () => {}

  constructor(options: VolumesOptions) {
    this.#options = options
  }

  /** Everything is in its place: containers may start. Stays so, whatever becomes of the sources. */
  get ready() {
    return this.#ready
  }

  /** What the next report asks. */
  get asked(): VolumesAsked | undefined {
    return this.#asked
  }

  adopt({ version, volumes, group, refreshAfterSeconds, renewAfterSeconds }: PodVolumes) {
    // An answer without files to a question that was asked before tokens came to their end: that one is still to be answered.
    if (volumes || !this.#asked?.renew) this.#asked = undefined
    let complete = true
    for (const { name, folder, files, problem } of volumes ?? []) {
      try {
        if (problem !== undefined) throw new Error(problem)
        const content = digest(files)
        if (this.#written.get(folder) === content) continue
        writeAtomically((this.#options.path ?? volumePath)(folder), files, group)
        this.#written.set(folder, content)
      } catch (error) {
        complete = false
        this.#options.failed(
          `MountVolume.SetUp failed for volume ${JSON.stringify(name)} : ${error instanceof Error ? error.message : error}`,
        )
      }
    }
    this.#cancelRefresh()
    if (!complete) {
      this.#cancelRefresh = this.#later(this.#retryMs, { version: '', renew: false })
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
      return
    }
    this.#retryMs = FIRST_RETRY_MS
    if (refreshAfterSeconds !== undefined) this.#cancelRefresh = this.#later(spread(refreshAfterSeconds), { version, renew: false })
    if (renewAfterSeconds !== undefined && volumes) {
      this.#cancelRenewal()
      this.#cancelRenewal = this.#later(spread(renewAfterSeconds), { version, renew: true })
    }
    if (this.#ready) return
    this.#ready = true
    this.#options.changed()
  }

  close() {
    this.#cancelRefresh()
    this.#cancelRenewal()
  }

  #later(milliseconds: number, asked: VolumesAsked): () => void {
    return after(this.#options.clock, milliseconds, () => {
      // Whoever wants new tokens gets everything else with them.
      this.#asked = { ...asked, renew: asked.renew || (this.#asked?.renew ?? false) }
      this.#options.changed()
    })
  }
}

const digest = (files: readonly VolumeFile[]) => createHash('sha256').update(JSON.stringify(files)).digest('base64url')

const spread = (seconds: number) => seconds * 1000 * (1 - Math.random() * SPREAD)
