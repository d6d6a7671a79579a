import { describe, expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { LogEvent } from '../../shared/pods/log-lines.ts'
import { type LogQuery, type LogReader, podLog } from '../../shared/pods/logs.ts'

const START = Date.parse('2026-01-01T00:00:00Z')

/** One stream, read in small pages as CloudWatch does: forwards the same token again is the end, backwards likewise. */
class Stream implements LogReader {
  readonly events: LogEvent[] = []
  #time = START

  write(...messages: string[]) {
    for (const message of messages) {
      this.#time += 100
      this.events.push({ timestamp: this.#time, message })
    }
    return this
  }

  async page(stream: string, { token, startTime = 0, endTime = Number.POSITIVE_INFINITY, fromHead }: Parameters<LogReader['page']>[1]) {
    if (stream !== 'pod/app/task1') return undefined
    const PAGE = 3
    const range = this.events
      .map((event, at) => ({ ...event, at }))
      .filter(({ timestamp }) => timestamp >= startTime && timestamp < endTime)
    const [way, where] = token?.split(':') ?? [fromHead ? 'f' : 'b', undefined]
    const from = way === 'f' ? Number(where ?? -1) : Number(where ?? Number.POSITIVE_INFINITY)
    const page = way === 'f' ? range.filter(({ at }) => at > from).slice(0, PAGE) : range.filter(({ at }) => at < from).slice(-PAGE)
    const first = page[0]?.at ?? from
    const last = page.at(-1)?.at ?? from
    return { events: page, forward: `f:${last}`, backward: `b:${first}` }
  }
}

const attempt = (n: number, ...lines: string[]) => [`##zeroplane attempt ${n}##`, ...lines, '', `##zeroplane end ${n}##`]
const id = (n: number) => `ecs://task1/app/${n}`
const time = (seconds: number) => new Date(START + seconds * 1000).toISOString()

function aPod(state: object, lastState: object = {}, containerID?: string): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: { containers: [{ name: 'app' }] },
    status: { containerStatuses: [{ name: 'app', state, lastState, containerID }] },
  } as unknown as Pod
}

const once = aPod({ running: { startedAt: time(0) } }, {}, id(0))

async function read(
  pod: Pod,
  stream: Stream,
  query: Partial<LogQuery> = {},
  sleep: () => void = () => {},
  refresh = async (): Promise<Pod | undefined> => pod,
) {
  let now = START + 60_000
  const options = {
    reader: stream,
    refresh,
    now: () => now,
    sleep: async (ms: number) => {
      now += ms
      sleep()
    },
    longest: 600_000,
  }
  const full = { container: 'app', follow: false, previous: false, timestamps: false, ...query }
  let text = ''
  for await (const bytes of podLog(pod, full, options, new AbortController().signal)) text += Buffer.from(bytes).toString('latin1')
  return text
}

describe('a log', () => {
  const running = () => new Stream().write('##zeroplane attempt 0##', 'one', '', 'two', 'three', 'four')

  it('is what the process wrote, empty lines and all, and nothing of ours', async () => {
    expect(await read(once, running())).toBe('one\n\ntwo\nthree\nfour\n')
  })

  it('does not show the line that completes a last line without newline', async () => {
    expect(await read(once, new Stream().write(...attempt(0, 'one', '')))).toBe('one\n\n')
    expect(await read(once, new Stream().write(...attempt(0, 'one')))).toBe('one\n')
  })

  it.each([
    [0, ''],
    [1, 'four\n'],
    [3, 'two\nthree\nfour\n'],
    [99, 'one\n\ntwo\nthree\nfour\n'],
  ])('has a tail of %i lines', async (tailLines, text) => {
    expect(await read(once, running(), { tailLines })).toBe(text)
  })

  it('starts where it is asked to', async () => {
    expect(await read(once, running(), { sinceTime: new Date(START + 500).toISOString() })).toBe('three\nfour\n')
    expect(await read(once, running(), { sinceSeconds: 1 })).toBe('')
  })

  it('has timestamps in nanoseconds', async () => {
    expect(await read(once, running(), { tailLines: 1, timestamps: true })).toBe('2026-01-01T00:00:00.600000000Z four\n')
  })

  it('ends at the byte limit', async () => {
    expect(await read(once, running(), { limitBytes: 6 })).toBe('one\n\nt')
  })

  it('is empty while nothing was written', async () => {
    const elsewhere = aPod({ running: { startedAt: time(0) } }, {}, 'ecs://task2/app/0')
    expect(await read(elsewhere, running())).toBe('')
  })
})

describe('attempts', () => {
  const stream = () => new Stream().write(...attempt(0, 'a1', 'a2'), ...attempt(1, 'b1', 'b2'), '##zeroplane attempt 2##', 'c1', 'c2')
  const last = { terminated: { exitCode: 1, containerID: id(1), startedAt: time(0), finishedAt: time(1) } }
  const third = aPod({ running: { startedAt: time(1) } }, last, id(2))

  it('are told apart', async () => {
    expect(await read(third, stream())).toBe('c1\nc2\n')
    expect(await read(third, stream(), { previous: true })).toBe('b1\nb2\n')
    expect(await read(third, stream(), { previous: true, tailLines: 1 })).toBe('b2\n')
    expect(await read(third, stream(), { tailLines: 5 })).toBe('c1\nc2\n')
  })

  it('that wait for the next one show the one that ended', async () => {
    const waiting = aPod({ waiting: { reason: 'CrashLoopBackOff' } }, last, id(1))
    expect(await read(waiting, stream())).toBe('b1\nb2\n')
  })

  it('are followed to their end and no further', async () => {
    const growing = new Stream().write('##zeroplane attempt 0##', 'one')
    const more = [['two'], ['three', '', '##zeroplane end 0##'], ['late on the other output'], ['##zeroplane attempt 1##', 'never']]
    expect(await read(once, growing, { follow: true }, () => void growing.write(...(more.shift() ?? [])))).toBe(
      'one\ntwo\nthree\nlate on the other output\n',
    )
  })

  it('are followed from the tail', async () => {
    const growing = new Stream().write('##zeroplane attempt 0##', 'one', 'two')
    const more = [['three'], ['', '##zeroplane end 0##']]
    expect(await read(once, growing, { follow: true, tailLines: 1 }, () => void growing.write(...(more.shift() ?? [])))).toBe(
      'two\nthree\n',
    )
  })

  it('are not followed for ever when the task was killed', async () => {
    const killed = aPod({ terminated: { exitCode: 137, containerID: id(0), finishedAt: time(1) } })
    expect(await read(once, new Stream().write('##zeroplane attempt 0##', 'one'), { follow: true }, undefined, async () => killed)).toBe(
      'one\n',
    )
    expect(await read(once, new Stream().write('##zeroplane attempt 0##', 'one'), { follow: true }, undefined, async () => undefined)).toBe(
      'one\n',
    )
  })
})

describe('refusals', () => {
  it.each([
    [aPod({ waiting: { reason: 'ContainerCreating' } }), {}, 'container "app" in pod "web" is waiting to start: ContainerCreating'],
    [
      aPod({ waiting: { reason: 'ImagePullBackOff' } }),
      {},
      'container "app" in pod "web" is waiting to start: trying and failing to pull image',
    ],
    [once, { previous: true }, 'previous terminated container "app" in pod "web" not found'],
  ])("are in kubelet's words: %#", async (pod, query, message) => {
    await expect(read(pod, new Stream(), query)).rejects.toMatchObject({ message, code: 400 })
  })
})
