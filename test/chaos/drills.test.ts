import { expect, test } from 'vitest'
import { drills } from './drills.ts'

/** A drill that hangs shall end; none of this is a promise about speed. */
const PATIENCE_MS = 60_000

test.each(drills)('$name: everything runs, nothing is left over, nothing ran twice', { timeout: 4 * PATIENCE_MS }, async ({ run }) => {
  expect(await run(PATIENCE_MS)).toEqual([])
})
