import type { Pod } from '../../api/core/v1.ts'
import { isFinished } from '../pods.ts'

/** None of its containers runs, nor ever will. */
export const isDone = (pod: Pod): boolean => isFinished(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec.nodeName)
