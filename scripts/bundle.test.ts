import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bundleFunctions, FUNCTIONS, type FunctionName, largestInputs } from './bundle.ts'

const folder = mkdtempSync(join(tmpdir(), 'zeroplane-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** KiB. A person waits for api alone; dispatch knows every controller for its watches, reconcile has everything that is not the API's surface. */
const BUDGETS: Record<FunctionName, number> = { api: 1024, dispatch: 640, reconcile: 1152, tasks: 1024, tick: 640 }

test('every function is bundled, and what a cold start reads stays within its budget', async () => {
  const bundles = await bundleFunctions(folder)
  expect(bundles.map(b => b.name).sort()).toEqual([...FUNCTIONS].sort())
  // Each 100 KiB cost a cold start 10 to 20 ms; raising a budget is a decision, not an accident.
  for (const bundle of bundles) {
    const budget = BUDGETS[bundle.name]
    expect(bundle.bytes / 1024, `${bundle.name}: ${JSON.stringify(largestInputs(bundle))}`).toBeLessThanOrEqual(budget)
  }
}, 60_000)
