import { type Duration, RemovalPolicy } from 'aws-cdk-lib'
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { FunctionName } from '../scripts/bundle.ts'

export interface ControlPlaneFunctionProps {
  readonly name: FunctionName
  /** A given name, where something else must know it before the function exists. */
  readonly functionName?: string
  /** Folder with the bundle of this function. */
  readonly code: string
  readonly memoryMiB: number
  readonly timeout: Duration
  readonly logRetentionDays: number
  readonly environment: Record<string, string>
}

/** One of the functions of functions/: arm64, Node 24, its own log group, JSON logs, no shared role. */
export class ControlPlaneFunction extends Construct {
  readonly lambda: LambdaFunction

  constructor(scope: Construct, id: string, props: ControlPlaneFunctionProps) {
    super(scope, id)
    this.lambda = new LambdaFunction(this, 'Function', {
      description: `Zeroplane: ${props.name}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      ...(props.functionName ? { functionName: props.functionName } : {}),
      handler: 'index.handler',
      code: Code.fromAsset(props.code),
      memorySize: props.memoryMiB,
      timeout: props.timeout,
      loggingFormat: LoggingFormat.JSON,
      logGroup: new LogGroup(this, 'Logs', { retention: props.logRetentionDays as RetentionDays, removalPolicy: RemovalPolicy.DESTROY }),
      tracing: Tracing.PASS_THROUGH,
      environment: { NODE_OPTIONS: '--enable-source-maps', ...props.environment },
    })
  }
}
