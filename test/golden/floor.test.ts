// What kube-apiserver was seen to answer, played against this API: no file may fall below what was reached before.
// See more with: npm run golden -- --only NAME --show 20. Raise the floor with: npm run golden -- --raise
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { playGolden, readFloor } from '../../scripts/golden.ts'

test.concurrent.each(Object.entries(readFloor()))('%s answers at least %i steps as recorded', { timeout: 240_000 }, async (file, floor) => {
  const failures: string[] = []
  const { counts } = await playGolden([join(import.meta.dirname, 'cases', `${file}.mjs`), '--patience', '200', '--show', '200'], line => {
    if (/^(FAILED|internal error)/.test(line)) failures.push(line)
  })
  expect(counts[file]?.same ?? 0, `different now:\n${failures.join('\n')}`).toBeGreaterThanOrEqual(floor)
})
