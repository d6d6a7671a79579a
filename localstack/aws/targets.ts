// Where EventBridge and Scheduler send things: an ARN decides.
import { AwsError } from './errors.ts'
import { parseArn } from './identity.ts'

/** Invokes a Lambda function asynchronously, as EventBridge does; rejects when the function failed. */
export type Invoke = (functionName: string, event: unknown) => Promise<unknown>

export interface Targets {
  /** @throws when the target does not exist or refuses. The caller tries again as its retry policy says. */
  deliver(targetArn: string, payload: string, options: { messageGroupId?: string }): Promise<void>
}

export interface TargetPorts {
  invoke(): Invoke | undefined
  sendMessage(queueArn: string, body: string, group: string | undefined): void
  putLog(group: string, message: string): void
  putEvent(busName: string, event: string): void
}

export function targets(ports: TargetPorts): Targets {
  return {
    async deliver(targetArn, payload, options) {
      const target = parseArn(targetArn)
      if (!target) throw new AwsError('ValidationException', `${targetArn} is no ARN`)
      switch (target.service) {
        case 'lambda': {
          const invoke = ports.invoke()
          if (!invoke) throw new AwsError('ResourceNotFoundException', `no function host is attached to invoke ${targetArn}`)
          // "function:NAME" or "function:NAME:QUALIFIER"
          await invoke(target.resource.split(':')[1] ?? '', JSON.parse(payload))
          return
        }
        case 'sqs':
          return ports.sendMessage(targetArn, payload, options.messageGroupId)
        case 'logs':
          return ports.putLog(target.resource.replace(/^log-group:/, '').replace(/:\*$/, ''), payload)
        case 'events':
          return ports.putEvent(target.resource.replace(/^event-bus\//, ''), payload)
        default:
          throw new AwsError('ValidationException', `the local AWS cannot deliver to ${target.service}: ${targetArn}`)
      }
    },
  }
}
