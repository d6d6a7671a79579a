// What protects an object from being gone before it is free.
import type { KubeObject } from '../apimachinery/types.ts'

export const isHeldBy = ({ metadata }: KubeObject, finalizer: string): boolean => metadata.finalizers?.includes(finalizer) ?? false

/** It is deleted, and this finalizer is what keeps it. */
export const isGoing = (object: KubeObject, finalizer: string): boolean =>
  object.metadata.deletionTimestamp !== undefined && isHeldBy(object, finalizer)

/** The object without the finalizer. */
export const withoutFinalizer = <T extends KubeObject>(object: T, finalizer: string): T => ({
  ...object,
  metadata: { ...object.metadata, finalizers: (object.metadata.finalizers ?? []).filter(other => other !== finalizer) },
})

export const withFinalizer = <T extends KubeObject>(object: T, finalizer: string): T => ({
  ...object,
  metadata: { ...object.metadata, finalizers: [...(object.metadata.finalizers ?? []), finalizer] },
})
