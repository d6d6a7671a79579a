// What the product asks of AWS, in AWS's units: the measured half of docs/cost.md. Each figure names what holds or measures it.

export const UNITS = {
  /** Object of 1 KB or less. Held by test/store/dynamodb-costs.test.ts. */
  write: { writeUnits: 5, readUnits: 0 },
  get: { writeUnits: 0, readUnits: 1 },
  /** A log read that finds nothing new: what an idle watch or an informer's refresh costs. Held by the same test. */
  tailRead: { readUnits: 1 },
  /** Object writes from a pod's creation to Running; held by test/pods. Events are written beside them: Scheduled, Pulled, Created, Started. */
  podStart: { objectWrites: 4, eventWrites: 4 },
  /**
   * What a pod uses, while somebody wants to know: a note with each report, every 15 s instead of 30 s (shared/metrics/usage.ts). Units are held
   * by test/store/notes.test.ts, and that nothing is written otherwise by test/metrics/usage.test.ts.
   */
  usageNote: { writeUnits: 1, reportsPerHour: 240, reportsPerHourAnyway: 120 },
  /**
   * An autoscaler looks every 15 s: reads held by test/metrics/costs.test.ts. The time is an estimate; the queues see a message put off, received
   * and deleted, then one of work sent, received and deleted.
   */
  autoscalerLook: { perHour: 240, readUnits: 4, milliseconds: 60, invocations: 2, standardRequests: 3, fifoRequests: 3 },
  /** Of the API function. Memory is cdk/stack.ts's; the time of a warm single-object request is an estimate (bench/ measures it here, not on Lambda). */
  apiMemoryGiB: 0.5,
  apiRequestMs: 15,
  reconcileMemoryGiB: 1,
  /** Reconcile, dispatch and tasks invocations that a pod's start causes, and how long they run together. An estimate: pods of one rollout share them. */
  podStartInvocations: 6,
  podStartReconcileMs: 300,
  /** Seconds between an idle watch's looks at the log (shared/store/dynamodb/store.ts). */
  watchPollSeconds: 0.5,
} as const
