import type { DeviceClaim, DeviceSubRequest, ExactDeviceRequest } from '../api/resource/v1.ts'

function request(wanted: ExactDeviceRequest | DeviceSubRequest): void {
  wanted.allocationMode ||= 'ExactCount'
  if (wanted.allocationMode === 'ExactCount') wanted.count ||= 1
}

/** Which devices a claim asks for, and how many (pkg/apis/resource/v1/defaults.go). In place. */
export function defaultDevices(devices: DeviceClaim | undefined): void {
  for (const { exactly, firstAvailable } of devices?.requests ?? []) {
    if (exactly !== undefined) request(exactly)
    for (const alternative of firstAvailable ?? []) request(alternative)
  }
}
