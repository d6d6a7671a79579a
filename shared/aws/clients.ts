// The SDK's clients, made once an environment. Endpoint, region and credentials are the SDK's own business (AWS_ENDPOINT_URL).
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { ECSClient } from '@aws-sdk/client-ecs'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { SQSClient } from '@aws-sdk/client-sqs'
import { noTelemetry, type Telemetry } from '../telemetry.ts'
import { sendOnce } from './lost-replies.ts'

/** DynamoDB and SQS answer in milliseconds: what takes this long (in milliseconds) is lost and tried again, unless this process itself is short of time. */
const requestHandler = { connectionTimeout: 3000, requestTimeout: 6000, throwOnRequestTimeout: true }

export const dynamoDbClient = () => new DynamoDBClient({ maxAttempts: 4, requestHandler })
export const sqsClient = () => new SQSClient({ maxAttempts: 4, requestHandler })
export const schedulerClient = () => new SchedulerClient({ maxAttempts: 4, requestHandler })
/** ECS throttles launches by the second: waiting for a token is the normal case, not a failure; how often it happens is worth knowing. */
export function ecsClient(telemetry: Telemetry = noTelemetry): ECSClient {
  const client = new ECSClient({ maxAttempts: 8, retryMode: 'adaptive', requestHandler: { ...requestHandler, requestTimeout: 15_000 } })
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async args => {
        try {
          return await next(args)
        } catch (error) {
          if (error instanceof Error && error.name === 'ThrottlingException')
            telemetry.add({ name: 'Throttles', unit: 'Count', value: 1, by: { Operation: commandName.replace(/Command$/, '') } })
          throw error
        }
      },
    // Inside of the retries: each answer counts, not the last one alone.
    { step: 'deserialize', name: 'throttles', priority: 'high' },
  )
  sendOnce(client)
  return client
}
