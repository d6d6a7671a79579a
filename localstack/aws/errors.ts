// Errors in AWS's shape. The protocol layer turns them into the body and headers that the service's clients expect.

export class AwsError extends Error {
  override readonly name = 'AwsError'
  /** Shape name, e.g. "ClientException". */
  readonly code: string
  readonly status: number
  /** Further members of the error shape, e.g. resourceIds of ConflictException. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Code that the service's older query protocol used; SQS clients read it from a header. */
  readonly queryCode: string | undefined

  constructor(code: string, message: string, options: { status?: number; fields?: Record<string, unknown>; queryCode?: string } = {}) {
    super(message)
    this.code = code
    this.status = options.status ?? 400
    this.fields = options.fields ?? {}
    this.queryCode = options.queryCode
  }
}

export const validation = (message: string): AwsError => new AwsError('ValidationException', message)

export const unknownOperation = (service: string, operation: string): AwsError =>
  new AwsError(
    'UnknownOperationException',
    `the local AWS does not implement ${service} ${operation}; docs/local-aws.md lists what it does implement`,
  )
