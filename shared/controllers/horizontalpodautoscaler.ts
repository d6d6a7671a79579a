// Horizontal pod autoscaling: every 15 s while there is an autoscaler, and never otherwise.
import type { HorizontalPodAutoscaler } from '../api/autoscaling/v2.ts'
import type { Notes } from '../store/notes.ts'
import { HORIZONTAL_POD_AUTOSCALERS } from './collections.ts'
import { equal } from './equality.ts'
import type { HistoryBook } from './hpa/history-book.ts'
import type { MetricsSource } from './hpa/metrics.ts'
import type { Controller, Outcome } from './types.ts'

const PERIOD_S = 15

export interface AutoscalerServices {
  readonly metrics: MetricsSource
  /** Where what was recommended and done lately outlives the process. */
  readonly notes: Notes
}

/** `services` is asked for, and the code that looks is loaded, for the first autoscaler: dispatch and tick only ask what is watched. */
export function horizontalPodAutoscaling(services: () => AutoscalerServices): Controller {
  let book: HistoryBook | undefined
  return {
    name: 'horizontalpodautoscaler',
    component: 'horizontal-pod-autoscaler',
    watches: [
      {
        // Not its own status: it comes back by itself.
        resource: HORIZONTAL_POD_AUTOSCALERS,
        keys({ type, key, object, previous }) {
          const [now, before] = [object as HorizontalPodAutoscaler, previous as HorizontalPodAutoscaler | undefined]
          return type === 'deleted' || (before !== undefined && equal(before.spec, now.spec)) ? [] : [key]
        },
      },
    ],
    async reconcile(key, context): Promise<Outcome | undefined> {
      const autoscaler = (await context.informer(HORIZONTAL_POD_AUTOSCALERS)).get(key)?.object as HorizontalPodAutoscaler | undefined
      if (autoscaler?.spec === undefined || autoscaler.metadata.deletionTimestamp !== undefined) return undefined
      const { metrics, notes } = services()
      const { historyBook, Look } = await import('./hpa/look.ts')
      book ??= historyBook(notes, PERIOD_S * 1000)
      await new Look(autoscaler, context, metrics, book).run()
      return { requeueAfter: PERIOD_S }
    },
  }
}
