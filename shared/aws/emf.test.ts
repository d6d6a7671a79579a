import { expect, test } from 'vitest'
import { Emf } from './emf.ts'

const collect = () => {
  const lines: Record<string, unknown>[] = []
  return {
    lines,
    emf: new Emf(
      'Zeroplane/test',
      line => lines.push(JSON.parse(line)),
      () => 1_700_000_000_000,
    ),
  }
}

test('one line for each way of telling apart; counts are summed, times are kept', () => {
  const { lines, emf } = collect()
  emf.add({ name: 'Requests', unit: 'Count', value: 1, by: { Verb: 'GET', Code: '200' } })
  emf.add({ name: 'RequestTime', unit: 'Milliseconds', value: 12, by: { Verb: 'GET' } })
  emf.add({ name: 'Requests', unit: 'Count', value: 1, by: { Code: '200', Verb: 'GET' } })
  emf.add({ name: 'RequestTime', unit: 'Milliseconds', value: 15, by: { Verb: 'GET' } })
  emf.flush()
  expect(lines).toEqual([
    {
      _aws: {
        Timestamp: 1_700_000_000_000,
        CloudWatchMetrics: [
          { Namespace: 'Zeroplane/test', Dimensions: [['Verb', 'Code']], Metrics: [{ Name: 'Requests', Unit: 'Count' }] },
        ],
      },
      Verb: 'GET',
      Code: '200',
      Requests: [2],
    },
    {
      _aws: {
        Timestamp: 1_700_000_000_000,
        CloudWatchMetrics: [
          { Namespace: 'Zeroplane/test', Dimensions: [['Verb']], Metrics: [{ Name: 'RequestTime', Unit: 'Milliseconds' }] },
        ],
      },
      Verb: 'GET',
      RequestTime: [12, 15],
    },
  ])
  emf.flush()
  expect(lines).toHaveLength(2)
})

test('CloudWatch takes a hundred values a line, and a metric that is told apart by nothing', () => {
  const { lines, emf } = collect()
  for (let value = 0; value < 250; value++) emf.add({ name: 'QueueAge', unit: 'Milliseconds', value })
  emf.flush()
  expect(lines.map(({ QueueAge }) => (QueueAge as number[]).length)).toEqual([100, 100, 50])
  expect(lines[0]!._aws).toMatchObject({ CloudWatchMetrics: [{ Dimensions: [[]] }] })
})
