// Bugs that somebody could make in the store, each as a change of its text. The suite must find every one; if it does not, it proves
// nothing.

export interface SeededBug {
  readonly name: string
  /** File below shared/store. */
  readonly file: string
  /** Must occur exactly once. */
  readonly find: string
  readonly replace: string
}

export const seededBugs: readonly SeededBug[] = [
  {
    name: 'an update does not ask for the revision that it replaces',
    file: 'dynamodb/write.ts',
    find: "ConditionExpression: 'rev = :expected'",
    replace: "ConditionExpression: 'attribute_exists(pk) OR rev = :expected'",
  },
  {
    name: 'a late writer fills a slot that was fenced',
    file: 'dynamodb/write.ts',
    find: "        ConditionExpression: 'attribute_not_exists(pk)',\n",
    replace: '',
  },
  {
    name: 'a reader goes past an empty slot without closing it',
    file: 'dynamodb/collection-log.ts',
    find: 'await this.#fence(gap.from, gap.to)',
    replace: 'this.#accept(gap.to, undefined)',
  },
  {
    name: 'a reader does not wait for an empty slot at all',
    file: 'dynamodb/collection-log.ts',
    find: 'if (revision > this.#position! + 1 && !isOld(item, clock.now())) {',
    replace: 'if (Number.isNaN(revision)) {',
  },
  {
    name: 'a lost reply counts as a failure',
    file: 'dynamodb/write.ts',
    find: '          return lostSlot(options, attempt, error)\n',
    replace: "          return { kind: 'lost', error }\n",
  },
  {
    name: 'a lost reply counts as success',
    file: 'dynamodb/write.ts',
    find: '          return lostSlot(options, attempt, error)\n',
    replace: '          return true\n',
  },
  {
    name: 'a refused write does not look whether it was its own first try that succeeded',
    file: 'dynamodb/write.ts',
    find: '            if (slot?.txn?.S === attempt.txn) return true\n',
    replace: '',
  },
  {
    name: 'object and log are two writes',
    file: 'dynamodb/table.ts',
    find: 'await this.#client.send(command)',
    replace:
      'for (const [n, item] of items.entries()) await this.#client.send(new TransactWriteItemsCommand({ TransactItems: [item], ClientRequestToken: token + n }))',
  },
  {
    name: 'a deletion leaves nothing behind',
    file: 'dynamodb/write.ts',
    find: ' AND rev < :number) OR (#expires',
    replace: ') OR (#expires',
  },
  {
    name: 'a list is not repaired by the log',
    file: 'dynamodb/list.ts',
    find: 'if (change.revision <= now && inRange(change)) redo(items, change)',
    replace: 'if (Number.isNaN(change.revision)) redo(items, change)',
  },
  {
    name: 'a list of the past is undone in the wrong order',
    file: 'dynamodb/list.ts',
    find: 'of since.toReversed()',
    replace: 'of since',
  },
  {
    name: 'changes are answered from memory alone',
    file: 'dynamodb/store.ts',
    find: '    await log.sync()\n    const { changes, revision } = await log.after(from)\n    return',
    replace: '    if (log.position === undefined) await log.sync()\n    const { changes, revision } = await log.after(from)\n    return',
  },
  {
    name: 'a look at the log serves callers who came after it began',
    file: 'coalesced.ts',
    find: '    this.#next ??= this.#running.then(start, start)\n    return this.#next\n',
    replace: '    void start\n    return this.#running\n',
  },
  {
    name: 'own writes enter the log before others that came first',
    file: 'dynamodb/collection-log.ts',
    find: 'change.revision !== this.#position + 1) return false',
    replace: 'change.revision <= this.#position) return false',
  },
  {
    name: 'a watch that is woken believes that nothing before concerned it, and is told late',
    file: 'dynamodb/collection-log.ts',
    find: '    this.#options.onChange(change)\n',
    replace: '    this.#options.clock.at(this.#options.clock.now() + revision % 7, () => this.#options.onChange(change))\n',
  },
  {
    name: 'progress is told one too far',
    file: 'dynamodb/watch.ts',
    find: 'yield { progress: revision }',
    replace: 'yield { progress: revision + 1 }',
  },
  {
    name: 'the state before is whatever was read last',
    file: 'dynamodb/recent.ts',
    find: 'entry?.known.revision === revision ? entry.known : undefined',
    replace: 'entry?.known',
  },
  {
    name: 'numbers are taken in advance',
    file: 'dynamodb/head.ts',
    find: 'const before = await this.#take(waiting.length)',
    replace: [
      'const self = this as unknown as { spare?: number }',
      'const before = self.spare ?? (await this.#take(2 * waiting.length))',
      'self.spare = self.spare === undefined ? before + waiting.length : undefined',
    ].join('\n'),
  },
]
