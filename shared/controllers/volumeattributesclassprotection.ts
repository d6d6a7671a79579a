// A VolumeAttributesClass is not gone before no claim and no volume names it: the finalizer that admission gave it is taken away then,
// and put back on one that lost it.
import type { PersistentVolume, PersistentVolumeClaim } from '../api/core/v1.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { Change, Informer } from '../store/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, VOLUME_ATTRIBUTES_CLASSES } from './collections.ts'
import { isGoing, isHeldBy, withFinalizer, withoutFinalizer } from './finalizers.ts'
import { unlessGone } from './owners.ts'
import type { Controller } from './types.ts'

const FINALIZER = 'kubernetes.io/vac-protection'
const BY_CLASS = 'attributes-class'

/** What a claim wants, has, and is being changed to. */
function classesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {}
  return named(spec?.volumeAttributesClassName, currentVolumeAttributesClassName, modifyVolumeStatus?.targetVolumeAttributesClassName)
}

const classesOfVolume = ({ spec }: PersistentVolume): string[] => named(spec?.volumeAttributesClassName)

const named = (...names: readonly (string | undefined)[]): string[] => [
  ...new Set(names.filter((name): name is string => name !== undefined && name !== '')),
]

/** Those that the object names no longer. */
function letGo(classesOf: (object: KubeObject) => string[], { type, object, previous }: Change): string[] {
  if (type === 'deleted') return classesOf(object).map(name => objectKey(undefined, name))
  if (previous === undefined) return []
  const still = classesOf(object)
  return classesOf(previous)
    .filter(name => !still.includes(name))
    .map(name => objectKey(undefined, name))
}

function isNamed(informer: Informer, classesOf: (object: KubeObject) => string[], name: string): boolean {
  informer.addIndex(BY_CLASS, classesOf)
  return informer.byIndex(BY_CLASS, name).length > 0
}

const ofClaim = (object: KubeObject) => classesOfClaim(object as PersistentVolumeClaim)
const ofVolume = (object: KubeObject) => classesOfVolume(object as PersistentVolume)

export const volumeAttributesClassProtection: Controller = {
  name: 'volumeattributesclass-protection',
  component: 'volumeattributesclass-protection-controller',
  watches: [
    {
      resource: VOLUME_ATTRIBUTES_CLASSES,
      keys: ({ type, key, object }) =>
        type !== 'deleted' && (object.metadata.deletionTimestamp === undefined) !== isHeldBy(object, FINALIZER) ? [key] : [],
    },
    { resource: PERSISTENT_VOLUME_CLAIMS, keys: change => letGo(ofClaim, change) },
    { resource: PERSISTENT_VOLUMES, keys: change => letGo(ofVolume, change) },
  ],
  async reconcile(key, { client, informer }) {
    const found = (await informer(VOLUME_ATTRIBUTES_CLASSES)).get(key)?.object
    if (found === undefined) return undefined
    if (!isGoing(found, FINALIZER)) {
      if (found.metadata.deletionTimestamp === undefined && !isHeldBy(found, FINALIZER))
        await unlessGone(() => client.update(VOLUME_ATTRIBUTES_CLASSES, withFinalizer(found, FINALIZER)))
      return undefined
    }
    const { name } = found.metadata
    const [claims, volumes] = [await informer(PERSISTENT_VOLUME_CLAIMS), await informer(PERSISTENT_VOLUMES)]
    if (isNamed(claims, ofClaim, name) || isNamed(volumes, ofVolume, name)) return undefined
    await unlessGone(() => client.update(VOLUME_ATTRIBUTES_CLASSES, withoutFinalizer(found, FINALIZER)))
    return undefined
  },
}
