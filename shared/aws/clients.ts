// The SDK's clients, made once an environment. Endpoint, region and credentials are the SDK's own business (AWS_ENDPOINT_URL).
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { ECSClient } from '@aws-sdk/client-ecs'
import { SchedulerClient } from '@aws-sdk/client-scheduler'
import { SQSClient } from '@aws-sdk/client-sqs'

/** DynamoDB and SQS answer in milliseconds: what takes this long (in milliseconds) is lost and tried again, unless this process itself is short of time. */
const requestHandler = { connectionTimeout: 3000, requestTimeout: 6000, throwOnRequestTimeout: true }

export const dynamoDbClient = () => new DynamoDBClient({ maxAttempts: 4, requestHandler })
export const sqsClient = () => new SQSClient({ maxAttempts: 4, requestHandler })
export const schedulerClient = () => new SchedulerClient({ maxAttempts: 4, requestHandler })
/** ECS throttles launches by the second: waiting for a token is the normal case, not a failure. */
export const ecsClient = () =>
  new ECSClient({ maxAttempts: 8, retryMode: 'adaptive', requestHandler: { ...requestHandler, requestTimeout: 15_000 } })
