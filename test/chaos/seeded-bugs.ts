// Bugs that somebody could make, as changes of the product's text, and the drill that must notice each. Where two precautions guard the same
// thing, both are taken away.

interface TextChange {
  readonly file: string
  /** Must occur exactly once. */
  readonly find: string
  readonly replace: string
}

export interface SeededBug {
  readonly name: string
  readonly drill: string
  readonly changes: readonly TextChange[]
}

const NO_RETRY: TextChange = {
  file: 'shared/aws/clients.ts',
  find: "new ECSClient({ maxAttempts: 8, retryMode: 'adaptive',",
  replace: 'new ECSClient({ maxAttempts: 1,',
}
/** Neither the launcher that was refused nor a later look at the pod asks to be called again. */
const NO_WAY_BACK: readonly TextChange[] = [
  {
    file: 'shared/pods/launch.ts',
    find: '    return { requeueAfter: backOff(failures) / 1000 }\n',
    replace: '    return undefined\n',
  },
  { file: 'shared/pods/launch.ts', find: '      return waitForImages(pod, record, context)\n', replace: '      return undefined\n' },
]

export const seededBugs: readonly SeededBug[] = [
  {
    name: 'a batch with a record that came before is taken for one that came before',
    drill: 'stream batches come twice and out of order',
    changes: [
      {
        file: 'functions/dispatch/dispatch.ts',
        find: '    let firstFailed: string | undefined\n',
        replace:
          '    let firstFailed: string | undefined\n    const known = ((globalThis as any).known ??= new Set<string>())\n    if (Records.some(({ eventID }) => known.has(eventID))) return { batchItemFailures: [] }\n    for (const { eventID } of Records) known.add(eventID)\n',
      },
    ],
  },
  {
    name: 'dispatch passes over a record that it cannot read',
    drill: 'a record of the stream is poison',
    changes: [{ file: 'functions/dispatch/dispatch.ts', find: '        firstFailed ??= dynamodb?.SequenceNumber\n', replace: '' }],
  },
  {
    name: 'dispatch stops at a record that it cannot read',
    drill: 'a record of the stream is poison',
    changes: [
      {
        file: 'functions/dispatch/dispatch.ts',
        find: '        firstFailed ??= dynamodb?.SequenceNumber\n',
        replace: '        firstFailed ??= dynamodb?.SequenceNumber\n        byCluster.clear()\n        break\n',
      },
    ],
  },
  {
    name: 'reconcile does not name the message that it cannot work on',
    drill: 'a work message is none: it fails alone, and the rest of its batch is done once',
    changes: [{ file: 'functions/reconcile/reconcile.ts', find: '        failed.push(record.messageId)\n', replace: '' }],
  },
  {
    name: 'a message that came before is taken for done',
    drill: 'time is over in the middle of a reconcile: before a ReplicaSet is written',
    changes: [
      {
        file: 'functions/reconcile/reconcile.ts',
        find: '    if (Number(attributes.ApproximateReceiveCount) < SEPARATE_FROM_RECEIVE) return false\n',
        replace:
          '    if (Number(attributes.ApproximateReceiveCount) < SEPARATE_FROM_RECEIVE) return Number(attributes.ApproximateReceiveCount) > 1\n',
      },
    ],
  },
  {
    name: 'a claim without a task is waited for',
    drill: 'time is over in the middle of a reconcile: between the claim of a launch and its call',
    changes: [
      {
        file: 'shared/pods/launcher.ts',
        find: '    if (task === undefined) return this.#launcher.resume(this.#pod, this.#node, this.#context)\n',
        replace: '    if (task === undefined) return { requeueAfter: LOOK_AFTER_SECONDS }\n',
      },
    ],
  },
  {
    name: 'a launch is tried again without looking for its task, as another launch',
    drill: 'time is over in the middle of a reconcile: after a task was started, before anybody knows',
    changes: [
      {
        file: 'shared/pods/launcher.ts',
        find: '    const task = await this.#find(record, known)\n    if (task === undefined) return',
        replace: '    const task = known === undefined ? undefined : await this.#find(record, known)\n    if (task === undefined) return',
      },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the product's text
      { file: 'shared/pods/launch.ts', find: 'clientToken: `${uid}-${launch}`', replace: 'clientToken: crypto.randomUUID()' },
    ],
  },
  {
    name: 'a throttled launch is a refused one, and nobody comes back to it',
    drill: 'RunTask is throttled: 20 a second, 100 at once',
    changes: [NO_RETRY, ...NO_WAY_BACK, { file: 'shared/aws/ecs.ts', find: 'status < 500 && !throttled', replace: 'status < 500' }],
  },
  {
    name: 'a definition that could not be registered is taken for one',
    drill: 'RegisterTaskDefinition is throttled: one a second, 20 at once',
    changes: [
      NO_RETRY,
      ...NO_WAY_BACK,
      {
        file: 'shared/pods/launch.ts',
        find: 'found ?? ecs.registerTaskDefinition(definition))',
        replace: 'found ?? ecs.registerTaskDefinition(definition).catch(() => definition.family))',
      },
    ],
  },
  {
    name: 'a refused launch is not tried again',
    drill: 'all capacity is taken: ClientException until some is free',
    changes: NO_WAY_BACK,
  },
  {
    name: 'a launch that found no room is not tried again',
    drill: 'an instance is fuller than its node says: the pod waits until there is room',
    changes: NO_WAY_BACK,
  },
  {
    name: 'any event of a task is taken for its last',
    drill: 'task events come twice and in any order',
    changes: [
      {
        file: 'shared/pods/task-event.ts',
        find: "if (task.lastStatus !== 'STOPPED' || !origin) return",
        replace: 'if (!origin) return',
      },
      { file: 'shared/pods/settle.ts', find: "task.lastStatus !== 'STOPPED' || ", replace: '' },
    ],
  },
  {
    name: 'the poll does not look at what has stopped',
    drill: 'no task event comes at all: the poll finds out',
    changes: [
      { file: 'shared/pods/sweep.ts', find: "      if (task.lastStatus === 'STOPPED') await settle(pod, task, context)\n", replace: '' },
    ],
  },
  ...['TerminationNotice', 'SpotInterruption'].map(code => ({
    name: `a task that ended by ${code} is no news`,
    drill: `${code}: the pod has failed as on a node that went away, and another one takes its place`,
    changes: [
      {
        file: 'shared/pods/task-event.ts',
        find: "if (task.lastStatus !== 'STOPPED' || !origin) return",
        replace: `if (task.lastStatus !== 'STOPPED' || task.stopCode === '${code}' || !origin) return`,
      },
    ],
  })),
]
