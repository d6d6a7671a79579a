// Time that runs faster than the wall's, for everything at once: visibility timeouts, back-off and polls keep their proportions.
import type { Clock } from '../../shared/clock.ts'

/** @param speed seconds of this clock in one of the wall's. */
export function fastClock(speed: number): Clock {
  const begin = Date.now()
  const now = () => begin + Math.floor((Date.now() - begin) * speed)
  return {
    now,
    at(time, run) {
      const timer = setTimeout(run, Math.max(0, (time - now()) / speed))
      return () => clearTimeout(timer)
    },
  }
}
