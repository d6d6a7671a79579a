// DELETE: at once, gracefully, or when the last finalizer is gone (k8s.io/apiserver/pkg/registry/generic/registry, Delete).
//
//   finalizers or grace left:  DELETE marks the object (deletionTimestamp) -> whoever has to act removes its finalizer, or the
//                              kubelet confirms with grace 0 -> gone

import { ConflictError, NotFoundError, type Stored } from '../../store/types.ts'
import type { RequestContext } from '../context.ts'
import { keyOf, type Machinery, type Target } from '../machinery.ts'
import { clone, equal, formatTime } from '../objects.ts'
import type { DeleteOptions } from '../request/options.ts'
import type { Status } from '../status-error.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { write } from './create.ts'

export interface Deleted {
  /** The object, or a Status about it; in storage version. */
  readonly answer: KubeObject | Status
  readonly isObject: boolean
  /** False: it is only marked. */
  readonly gone: boolean
  /** The last state, whatever is answered. */
  readonly last: KubeObject
}

type Step =
  | { readonly kind: 'mark'; readonly object: KubeObject; readonly andDelete: boolean }
  | { readonly kind: 'delete' }
  | { readonly kind: 'wait' }

/** @throws StatusError */
export async function deleteObject(
  machinery: Machinery,
  target: Target,
  options: DeleteOptions,
  context: RequestContext,
): Promise<Deleted> {
  const { collection, definition } = target.endpoint
  let current = await machinery.store.get(collection, keyOf(target))
  let marked = false
  for (;;) {
    if (current === undefined) throw status.notFound(collection, target.name)
    checkPreconditions(target, marked ? { ...options.preconditions, resourceVersion: undefined } : options.preconditions, current)
    definition.deletion?.check?.(current.object, context)
    await machinery.admission.validate({
      operation: 'DELETE',
      endpoint: target.endpoint,
      subresource: '',
      namespace: target.namespace,
      name: target.name,
      old: current.object,
      context,
    })
    try {
      const step: Step = marked ? { kind: 'delete' } : nextStep(target, current.object, options, context)
      if (step.kind === 'wait') return answer(target, current.object, false)
      if (step.kind === 'delete') return await remove(machinery, target, current, context)
      if (equal(step.object, current.object)) return shown(current.object)
      if (context.dryRun) return step.andDelete ? answer(target, step.object, true) : shown(step.object)
      const { key, revision } = current
      const stored = await write(() => machinery.store.update(collection, key, step.object, revision))
      if (!step.andDelete) return shown(stored.object)
      marked = true
      current = stored
    } catch (error) {
      if (error instanceof ConflictError) current = error.current
      else if (error instanceof NotFoundError) current = undefined
      else throw error
    }
  }
}

async function remove(machinery: Machinery, target: Target, current: Stored, context: RequestContext): Promise<Deleted> {
  const { collection, definition } = target.endpoint
  if (context.dryRun) return answer(target, current.object, true)
  const { object } = await machinery.store.delete(collection, current.key, current.object, current.revision)
  await definition.afterDelete?.(object, context)
  return answer(target, object, true)
}

const shown = (object: KubeObject): Deleted => ({ answer: object, isObject: true, gone: false, last: object })

function answer({ endpoint, name }: Target, object: KubeObject, gone: boolean): Deleted {
  const { definition, collection } = endpoint
  if (definition.deletion?.returnsObject === true || !gone) return { answer: object, isObject: true, gone, last: object }
  const details = {
    name,
    ...(endpoint.group === '' ? {} : { group: endpoint.group }),
    kind: collection.resource,
    uid: object.metadata.uid,
  }
  return { answer: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }, isObject: false, gone, last: object }
}

function checkPreconditions({ endpoint, name }: Target, preconditions: DeleteOptions['preconditions'], { object }: Stored): void {
  if (preconditions === undefined) return
  const { uid, resourceVersion } = object.metadata
  // Upstream names the kind where other conflicts have the plural.
  const resource = { group: endpoint.definition.group, resource: endpoint.definition.kind }
  if (preconditions.uid !== undefined && preconditions.uid !== uid) {
    throw status.conflict(
      resource,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    )
  }
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw status.conflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    )
  }
}

/** What DELETE means for the object as it is now. Pure but for the clock in `context`. */
export function nextStep({ endpoint }: Target, object: KubeObject, options: DeleteOptions, context: RequestContext): Step {
  const { deletion } = endpoint.definition
  const propagation = propagationFinalizers(
    endpoint.version.defaultPropagation ?? deletion?.defaultPropagation ?? 'Background',
    object,
    options,
  )
  if (deletion?.pending !== undefined) {
    if (object.metadata.deletionTimestamp === undefined) {
      const marked = clone(object)
      marked.metadata.deletionTimestamp = formatTime(context.now)
      setFinalizers(marked, propagation)
      deletion.prepare?.(marked, context)
      return { kind: 'mark', object: marked, andDelete: false }
    }
    if (deletion.pending(object)) return { kind: 'mark', object, andDelete: false }
  }

  const graceful = deletion?.gracePeriod === undefined ? undefined : gracefully(object, options, deletion.gracePeriod, context)
  if (graceful === 'wait') return { kind: 'wait' }
  const marked = clone(graceful ?? object)
  setFinalizers(marked, propagation)
  const waiting = (marked.metadata.finalizers ?? []).length > 0
  if (graceful === undefined) {
    if (!waiting) return { kind: 'delete' }
    if (marked.metadata.deletionTimestamp === undefined) {
      marked.metadata.deletionTimestamp = formatTime(context.now)
      bumpGeneration(marked)
      deletion?.prepare?.(marked, context)
    }
    marked.metadata.deletionGracePeriodSeconds = 0
    return { kind: 'mark', object: marked, andDelete: false }
  }
  return { kind: 'mark', object: marked, andDelete: !waiting && (marked.metadata.deletionGracePeriodSeconds ?? 0) === 0 }
}

/** The object with its time left; 'wait' when it ends already and this request does not shorten that; undefined when grace is over. */
function gracefully(
  object: KubeObject,
  options: DeleteOptions,
  gracePeriod: (object: KubeObject, requested: number | undefined, context: RequestContext) => number,
  context: RequestContext,
): KubeObject | 'wait' | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
  // Negative means "as soon as possible, but gracefully".
  const requested = options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds
  if (deletionTimestamp !== undefined) {
    if ((deletionGracePeriodSeconds ?? 0) === 0) return undefined
    const left = deletionGracePeriodSeconds ?? 0
    if (requested === undefined || requested >= left) return 'wait'
    const shortened = clone(object)
    shortened.metadata.deletionTimestamp = formatTime(Date.parse(deletionTimestamp) + (requested - left) * 1000)
    shortened.metadata.deletionGracePeriodSeconds = requested
    return shortened
  }
  const seconds = gracePeriod(object, requested, context)
  const marked = clone(object)
  marked.metadata.deletionTimestamp = formatTime(context.now + seconds * 1000)
  marked.metadata.deletionGracePeriodSeconds = seconds
  bumpGeneration(marked)
  return marked
}

function bumpGeneration({ metadata }: KubeObject): void {
  if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1
}

function setFinalizers({ metadata }: KubeObject, finalizers: readonly string[]): void {
  if (equal(new Set(finalizers).size === finalizers.length ? [...finalizers].sort() : finalizers, [...(metadata.finalizers ?? [])].sort()))
    return
  if (finalizers.length === 0) delete metadata.finalizers
  else metadata.finalizers = [...finalizers]
}

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

/** The object's finalizers after what the request (or an earlier finalizer, or the kind) says about dependents. */
function propagationFinalizers(fallback: 'Background' | 'Orphan' | 'None', object: KubeObject, options: DeleteOptions): readonly string[] {
  const finalizers = object.metadata.finalizers ?? []
  if (fallback === 'None') return finalizers
  const policy = propagationOf(fallback, finalizers, options)
  const kept = finalizers.filter(finalizer => finalizer !== ORPHAN && finalizer !== FOREGROUND)
  if (policy === 'Orphan') kept.push(ORPHAN)
  if (policy === 'Foreground') kept.push(FOREGROUND)
  const same = kept.length === finalizers.length && kept.every(finalizer => finalizers.includes(finalizer))
  return same ? finalizers : kept
}

function propagationOf(fallback: 'Background' | 'Orphan', finalizers: readonly string[], options: DeleteOptions): string {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background'
  if (options.propagationPolicy !== undefined) return options.propagationPolicy
  if (finalizers.includes(ORPHAN)) return 'Orphan'
  if (finalizers.includes(FOREGROUND)) return 'Foreground'
  return fallback
}
