// What the scheduler looks at when pods claim devices.
import type { Pod } from '../api/core/v1.ts'
import type { DeviceClass, ResourceClaim } from '../api/resource/v1.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { DeviceSource } from '../scheduling/device-claims.ts'
import { DEVICE_CLASSES, RESOURCE_CLAIMS } from './collections.ts'
import type { ControllerContext } from './types.ts'

/** Nothing is looked at unless a pod has some. */
export async function devicesFor({ informer }: ControllerContext, pending: readonly Pod[]): Promise<DeviceSource> {
  if (!pending.some(({ spec }) => spec.resourceClaims?.length)) return { claim: () => undefined, deviceClass: () => undefined }
  const [claims, classes] = await Promise.all([informer(RESOURCE_CLAIMS), informer(DEVICE_CLASSES)])
  return {
    claim: (namespace, name) => claims.get(objectKey(namespace, name))?.object as ResourceClaim | undefined,
    deviceClass: name => classes.get(objectKey(undefined, name))?.object as DeviceClass | undefined,
  }
}
