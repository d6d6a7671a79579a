// Where a container sees its volumes: mounts and raw block devices.
import type { Container, VolumeDevice, VolumeMount } from '../../api/core/v1.ts'
import { forbidden, invalid, notFound, notSupported, required } from '../../apimachinery/field-error.ts'
import { type Errors, oneOf, relativePath } from '../validation/checks.ts'
import type { VolumesByName } from './volumes.ts'

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None']
const RECURSIVE = ['Disabled', 'Enabled', 'IfPossible']

export function validateMounts(container: Container, volumes: VolumesByName, field: string, errors: Errors): void {
  const mounts = container.volumeMounts
  if (mounts === undefined) return
  const paths = new Set<string>()
  for (const [i, mount] of mounts.entries()) {
    const at = `${field}[${i}]`
    const { name = '', mountPath = '' } = mount
    if (name === '') errors.push(required(`${at}.name`))
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name))
    if (mountPath === '') errors.push(required(`${at}.mountPath`))
    if (paths.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'))
    paths.add(mountPath)
    if (container.volumeDevices?.some(device => device.name === name))
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'))
    if (container.volumeDevices?.some(device => device.devicePath === mountPath))
      errors.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'))
    // From here on upstream names members of the list as if it were one mount.
    if (mount.subPath) relativePath(mount.subPath, `${field}.subPath`, errors)
    if (mount.subPathExpr) {
      if (mount.subPath) errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
      relativePath(mount.subPathExpr, `${field}.subPathExpr`, errors)
    }
    propagation(mount, container, `${field}.mountPropagation`, errors)
    recursiveReadOnly(mount, `${field}.recursiveReadOnly`, errors)
  }
}

function propagation(mount: VolumeMount, container: Container, field: string, errors: Errors): void {
  const mode = mount.mountPropagation
  if (mode === undefined) return
  oneOf(mode, PROPAGATIONS, field, errors)
  if (mode === 'Bidirectional' && container.securityContext?.privileged !== true)
    errors.push(forbidden(field, 'Bidirectional mount propagation is available only to privileged containers'))
}

function recursiveReadOnly(mount: VolumeMount, field: string, errors: Errors): void {
  const mode = mount.recursiveReadOnly
  if (mode === undefined || mode === 'Disabled') return
  if (!RECURSIVE.includes(mode)) {
    errors.push(notSupported(field, mode, RECURSIVE))
    return
  }
  if (!mount.readOnly) errors.push(forbidden(field, 'may only be specified when readOnly is true'))
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None')
    errors.push(forbidden(field, 'may only be specified when mountPropagation is None or not specified'))
}

export function validateDevices(container: Container, volumes: VolumesByName, field: string, errors: Errors): void {
  const paths = new Set<string>()
  const names = new Set<string>()
  for (const [i, { name = '', devicePath = '' }] of ((container.volumeDevices ?? []) as Partial<VolumeDevice>[]).entries()) {
    const at = `${field}[${i}]`
    const volume = volumes.get(name)
    if (name === '') errors.push(required(`${at}.name`))
    if (names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'))
    if (volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
      errors.push(invalid(`${at}.name`, name, why))
    }
    if (volume === undefined) errors.push(notFound(`${at}.name`, name))
    if (devicePath === '') errors.push(required(`${at}.devicePath`))
    if (paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'))
    if (devicePath.split('/').includes('..')) errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"))
    else paths.add(devicePath)
    if (container.volumeMounts?.some(mount => mount.name === name))
      errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'))
    if (container.volumeMounts?.some(mount => mount.mountPath === devicePath))
      errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'))
    if (name !== '') names.add(name)
  }
}
