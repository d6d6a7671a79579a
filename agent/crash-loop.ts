// When a container that ended may be started again, by kubelet's rule: at once the first time, then 10 s after it ended, doubling
// to 5 minutes; counted anew when it ran for twice that.
const BASE = 10_000
const MAX = 300_000

export class CrashLoop {
  #delay = 0
  #lastStart: number | undefined

  /** What is in force for the end at `finished`: how long the restart must wait from there, in milliseconds. 0: no wait. */
  delayAfter(finished: number): number {
    if (this.#lastStart === undefined || finished - this.#lastStart > 2 * MAX) return 0
    return this.#delay
  }

  /** The container is started again after its end at `finished`. */
  restarted(now: number, finished: number) {
    this.#delay = this.delayAfter(finished) === 0 ? BASE : Math.min(this.#delay * 2, MAX)
    this.#lastStart = now
  }
}

/** "10s", "1m20s", "5m0s": how Go prints a duration of whole seconds. */
export function goDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours > 0) return `${hours}h${minutes % 60}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}
