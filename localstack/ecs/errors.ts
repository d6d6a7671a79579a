// ECS's errors, with the texts its clients know.
import { AwsError } from '../aws/errors.ts'

export const clientException = (message: string): AwsError => new AwsError('ClientException', message)
export const invalidParameter = (message: string): AwsError => new AwsError('InvalidParameterException', message)
export const clusterNotFound = (): AwsError => new AwsError('ClusterNotFoundException', 'Cluster not found.')
export const throttled = (): AwsError => new AwsError('ThrottlingException', 'Rate exceeded')

/** Docker is what ECS runs on here; without it nothing works, and this says what to do. */
export class EcsUnavailableError extends Error {
  override readonly name = 'EcsUnavailableError'
}
