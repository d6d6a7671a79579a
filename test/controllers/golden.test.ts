// A choice of the scenarios in test/golden/controllers, quick ones of every kind; `npm run golden:controllers` plays all of them.
import { expect, test } from 'vitest'
import { playControllers } from '../../scripts/golden-controllers.ts'

const CHOICE = [
  'dep-(create|zero|rolling-surge|recreate)',
  'rs-(adopt|release|down-unready)',
  'sts-(stages|on-delete)',
  'ds-(create|taint-later)',
  'job-(create|indexed|backoff-terminating|suspend)',
  'cron-(due|replace)',
  'sched-(taint-kinds|preempt|affinity|spread-two|init-sums)',
  'ep-(named-ports|pod-states)',
]

test('what upstream was seen to do, ours does', { timeout: 300_000 }, async () => {
  const lines: string[] = []
  const counts = await playControllers(['--only', `/(${CHOICE.join('|')})$`, '--show', '20'], line => lines.push(line))
  const played = Object.values(counts).reduce((sum, { total }) => sum + total, 0)
  expect(played).toBeGreaterThan(100)
  const different = Object.values(counts).reduce((sum, { same, total }) => sum + total - same, 0)
  expect(different, lines.join('\n')).toBe(0)
})
