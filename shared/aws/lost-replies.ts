// StartTask has no client token (RunTask has): sent twice, it starts two tasks. The SDK sends a call again when its reply was lost:
//
//   SDK : StartTask -> ......... 15 s, no reply: once more -> StartTask ->
//   ECS :              task 1                                           task 2
//
// So a reply of StartTask that did not come, or that says that ECS broke down, is an error that nobody retries below the launcher, which
// asks ECS for the task that its claim may have started. Answers such as ThrottlingException say that nothing was started: those are tried again.
import type { ECSClient } from '@aws-sdk/client-ecs'

/** Whether the call took place is not known. */
export class LostReplyError extends Error {
  override readonly name = 'LostReplyError'
  constructor(operation: string, cause: unknown) {
    super(`${operation}: the reply was lost, so it may have taken place or not: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}

const ONCE = new Set(['StartTaskCommand'])

export function sendOnce(client: ECSClient): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async args => {
        try {
          return await next(args)
        } catch (error) {
          if (ONCE.has(commandName) && isLost(error))
            throw new LostReplyError(commandName.replace(/Command$/, ''), error instanceof Error ? error.message : String(error))
          throw error
        }
      },
    // Inside of the retries, which know such an error as none of theirs.
    { step: 'deserialize', name: 'lostReplies', priority: 'high' },
  )
}

function isLost(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  return status === undefined || status >= 500
}
