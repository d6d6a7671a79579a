// What a proxy in front of the API needs: that nobody goes round it, and that a quiet watch is not taken for a dead one.
import { timingSafeEqual } from 'node:crypto'

const HEADER = 'x-zeroplane-origin'
const NEWLINE = new TextEncoder().encode('\n')

/** True where the request came through the proxy, or where there is none. */
export function cameThrough(secret: string, headers: Readonly<Record<string, string | undefined>>): boolean {
  if (secret === '') return true
  const given = Buffer.from(headers[HEADER] ?? '')
  const wanted = Buffer.from(secret)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

export const goRound = (): Response =>
  Response.json(
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'forbidden: this address answers to CloudFront only; use the endpoint that `npm run kubeconfig` writes',
      reason: 'Forbidden',
      code: 403,
    },
    { status: 403 },
  )

/** A JSON watch sends an empty line, which every reader of JSON skips, whenever it was silent for so long. Others stay as they are. */
export function withHeartbeat(request: Request, response: Response, seconds: number): Response {
  const { body, headers, status } = response
  const watch = new URL(request.url).searchParams.get('watch')
  const isWatch = watch === '1' || watch === 'true'
  if (seconds === 0 || body === null || status !== 200 || !isWatch || !headers.get('content-type')?.startsWith('application/json'))
    return response
  const reader = body.getReader()
  let next: Promise<ReadableStreamReadResult<Uint8Array>> | undefined
  const beating = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        next ??= reader.read()
        const pause = Promise.withResolvers<undefined>()
        const timer = setTimeout(() => pause.resolve(undefined), seconds * 1000)
        const read = await Promise.race([next, pause.promise]).finally(() => clearTimeout(timer))
        if (read === undefined) return controller.enqueue(NEWLINE)
        next = undefined
        if (read.done) controller.close()
        else controller.enqueue(read.value)
      },
      cancel: reason => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(beating, { status, headers })
}
