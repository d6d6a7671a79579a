// The LogReader port over CloudWatch Logs.
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import type { LogReader } from '../pods/logs.ts'

export function cloudWatchLogReader(
  logGroupName: string,
  client: CloudWatchLogsClient = new CloudWatchLogsClient({ maxAttempts: 5 }),
): LogReader {
  return {
    async page(logStreamName, { token, startTime, endTime, fromHead }) {
      try {
        const reply = await client.send(
          new GetLogEventsCommand({ logGroupName, logStreamName, nextToken: token, startTime, endTime, startFromHead: fromHead }),
        )
        return {
          events: (reply.events ?? []).map(({ timestamp = 0, message = '' }) => ({ timestamp, message })),
          forward: reply.nextForwardToken,
          backward: reply.nextBackwardToken,
        }
      } catch (error) {
        if ((error as Error).name === 'ResourceNotFoundException') return undefined
        throw error
      }
    },
  }
}
