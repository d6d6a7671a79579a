// Time for the whole local AWS, injected. Nothing here ticks: a timer exists only while something is due, so an idle emulator costs nothing.
export { type Clock, systemClock } from '../../shared/clock.ts'

export type Cancel = () => void
