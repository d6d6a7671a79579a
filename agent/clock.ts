// Time, injected: tests turn it by hand.
import type { Clock } from '../shared/clock.ts'

export { type Clock, systemClock } from '../shared/clock.ts'
export { timestamp } from '../shared/controllers/time.ts'

/** Calls back once after so many milliseconds; the answer calls it off. */
export const after = (clock: Clock, milliseconds: number, callback: () => void) => clock.at(clock.now() + milliseconds, callback)
