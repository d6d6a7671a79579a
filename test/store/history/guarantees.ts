// What the store promises, one function a promise. Each answers what breaks it, in words; nothing means that it was kept.
import type { Change, Stored } from '../../../shared/store/types.ts'
import { type History, markOf } from './record.ts'

type Guarantee = (history: History) => string[]

/** The objects at a revision, in key order, by replay of the log. */
function replay(truth: readonly Change[], revision: number, prefix = ''): Stored[] {
  const state = new Map<string, Stored>()
  for (const change of truth) {
    if (change.revision > revision) break
    if (change.type === 'deleted') state.delete(change.key)
    else state.set(change.key, change)
  }
  return [...state.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1))
}

const show = (items: readonly Stored[]) => items.map(({ key, revision, object }) => `${key}@${revision}=${markOf(object)}`).join(' ')

const revisionsAreUnique: Guarantee = ({ truth, writes }) => {
  const broken: string[] = []
  const owners = new Map<number, string>()
  for (const { revision, mark } of writes) {
    if (revision === undefined) continue
    const other = owners.get(revision)
    if (other !== undefined) broken.push(`revision ${revision} was given to ${other} and ${mark}`)
    owners.set(revision, mark)
  }
  truth.forEach((change, index) => {
    if (index > 0 && truth[index - 1]!.revision >= change.revision) broken.push(`the log has ${change.revision} twice or out of order`)
  })
  return broken
}

/** A write that begins after another was acknowledged has the larger revision. */
const revisionsFollowRealTime: Guarantee = ({ writes }) => {
  const done = writes.filter(write => write.outcome === 'done')
  const ends = [...done].sort((a, b) => a.end - b.end)
  const broken: string[] = []
  let next = 0
  let newest = 0
  for (const write of [...done].sort((a, b) => a.start - b.start)) {
    while (next < ends.length && ends[next]!.end < write.start) newest = Math.max(newest, ends[next++]!.revision!)
    if (write.revision! <= newest)
      broken.push(`${write.mark} has revision ${write.revision}, but ${newest} was acknowledged before it began`)
  }
  return broken
}

const acknowledgedWritesHappened: Guarantee = ({ writes, truth }) => {
  const log = new Map(truth.map(change => [change.revision, change]))
  return writes.flatMap(({ outcome, revision, key, type, mark }) => {
    if (outcome !== 'done') return []
    const change = log.get(revision!)
    return change?.key === key && change.type === type && markOf(change.object) === mark
      ? []
      : [`${type} ${key} ${mark} was acknowledged at ${revision}, where the log has ${change === undefined ? 'nothing' : show([change])}`]
  })
}

const refusedWritesDidNotHappen: Guarantee = ({ writes, truth }) => {
  const happened = new Set(truth.map(change => markOf(change.object)))
  return writes
    .filter(write => write.outcome === 'refused' && happened.has(write.mark))
    .map(write => `${write.mark} was refused, and is in the log`)
}

const writesHappenOnce: Guarantee = ({ truth }) => {
  const seen = new Set<string | undefined>()
  return truth.flatMap(change => {
    const mark = markOf(change.object)
    if (seen.has(mark)) return [`${mark} is in the log twice`]
    seen.add(mark)
    return []
  })
}

/** Each change in the log fits the state before it, and was wanted by the write that made it. */
const writesCompareAndSwap: Guarantee = ({ truth, writes }) => {
  const wanted = new Map(writes.map(write => [write.mark, write]))
  const state = new Map<string, Change>()
  const broken: string[] = []
  for (const change of truth) {
    const { key, type, revision, previous } = change
    const before = state.get(key)
    const expected = wanted.get(markOf(change.object) ?? '')?.expected
    if (before?.revision !== expected) broken.push(`${type} of ${key} at ${revision} wanted ${expected}, and found ${before?.revision}`)
    if (markOf(previous) !== markOf(before?.object)) {
      broken.push(`${type} of ${key} at ${revision} says that ${markOf(previous)} was before, not ${markOf(before?.object)}`)
    }
    if (type === 'deleted') state.delete(key)
    else state.set(key, change)
  }
  return broken
}

const listsShowOneRevision: Guarantee = ({ lists, informers, truth }) => [
  ...lists.flatMap(({ items, revision, prefix, process }) => {
    const right = show(replay(truth, revision, prefix))
    return show(items) === right ? [] : [`${process} listed ${prefix}* at ${revision}: [${show(items)}], not [${right}]`]
  }),
  ...informers.flatMap(({ items, revision, process }) => {
    const right = show(replay(truth, revision))
    return show(items) === right ? [] : [`informer of ${process} showed at ${revision}: [${show(items)}], not [${right}]`]
  }),
]

/** What is read after a write was acknowledged shows it. */
const readsAreFresh: Guarantee = ({ writes, lists, revisions, informers, reads, truth }) => {
  const done = writes.filter(write => write.outcome === 'done').sort((a, b) => a.end - b.end)
  const newestBefore = (time: number, key?: string) => {
    let newest = 1
    for (const { end, revision, key: written } of done) {
      if (end >= time) break
      if (key === undefined || key === written) newest = Math.max(newest, revision!)
    }
    return newest
  }
  const broken: string[] = []
  const now = lists.filter(list => list.at === undefined)
  for (const [what, records] of [
    ['list', now],
    ['revision', revisions],
    ['informer', informers.filter(informer => informer.isFresh)],
  ] as const) {
    for (const { revision, start, process } of records) {
      const newest = newestBefore(start)
      if (revision < newest) broken.push(`${what} of ${process} showed ${revision}, but ${newest} was acknowledged before it began`)
    }
  }
  for (const { key, found, start, process } of reads) {
    const newest = newestBefore(start, key)
    const shown = found?.revision ?? lastDeletion(truth, key)
    if (shown < newest) broken.push(`${process} read ${key} at ${shown}, but ${newest} was acknowledged before it began`)
    const change = truth.find(({ revision }) => revision === found?.revision)
    if (found !== undefined && markOf(change?.object) !== markOf(found.object))
      broken.push(`${process} read ${show([found])}, which never was`)
  }
  return broken
}

function lastDeletion(truth: readonly Change[], key: string): number {
  return truth.findLast(change => change.key === key && change.type === 'deleted')?.revision ?? 1
}

/** Ordered, unique, reliable, filtered: exactly the log after `from`, as far as the watch says that it has come. */
const watchesShowTheLog: Guarantee = ({ watches, truth }) =>
  watches.flatMap(({ items, from, prefix, process }) => {
    const changes = items.flatMap(item => ('change' in item ? [item.change] : []))
    const reached = items.reduce((most, item) => Math.max(most, 'change' in item ? item.change.revision : item.progress), from)
    const right = truth.filter(({ revision, key }) => revision > from && revision <= reached && key.startsWith(prefix))
    return show(changes) === show(right) && changes.every((change, n) => change.type === right[n]?.type)
      ? []
      : [`watch of ${process} after ${from} showed [${show(changes)}] up to ${reached}, not [${show(right)}]`]
  })

/** After progress to a revision nothing up to it comes any more. */
const progressIsTrue: Guarantee = ({ watches }) =>
  watches.flatMap(({ items, process }) => {
    let told = 0
    return items.flatMap(item => {
      if ('progress' in item) {
        const broken = item.progress < told ? [`progress of ${process} went back from ${told} to ${item.progress}`] : []
        told = Math.max(told, item.progress)
        return broken
      }
      return item.change.revision <= told ? [`watch of ${process} showed ${item.change.revision} after progress ${told}`] : []
    })
  })

const watchesShowTheStateBefore: Guarantee = ({ watches, truth }) => {
  const log = new Map(truth.map(change => [change.revision, change]))
  return watches.flatMap(({ items }) =>
    items.flatMap(item => {
      if (!('change' in item)) return []
      const right = markOf(log.get(item.change.revision)?.previous)
      const shown = markOf(item.change.previous)
      return shown === right ? [] : [`a watch showed ${shown} before ${item.change.revision}, not ${right}`]
    }),
  )
}

export const guarantees = {
  revisionsAreUnique,
  revisionsFollowRealTime,
  acknowledgedWritesHappened,
  refusedWritesDidNotHappen,
  writesHappenOnce,
  writesCompareAndSwap,
  listsShowOneRevision,
  readsAreFresh,
  watchesShowTheLog,
  progressIsTrue,
  watchesShowTheStateBefore,
} satisfies Record<string, Guarantee>

/** All that is broken, a few examples of each. */
export function judge(history: History): { readonly guarantee: string; readonly broken: string[] }[] {
  return Object.entries(guarantees).flatMap(([guarantee, check]) => {
    const broken = check(history)
    return broken.length === 0 ? [] : [{ guarantee, broken: broken.slice(0, 3) }]
  })
}
