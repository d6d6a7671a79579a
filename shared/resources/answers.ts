// Answers of subresources that answer no object.
import type { Status } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'

export type StatusObject = KubeObject & Status

export const success = (code: number): StatusObject =>
  ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code }) satisfies Status as unknown as StatusObject
