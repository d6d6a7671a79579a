// The gRPC health check (grpc.health.v1.Health/Check) over plain HTTP/2, which is loaded only when a pod has such a probe.
import type { Failure } from './dial.ts'

const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const CODES: Record<string, string> = { '5': 'NotFound', '12': 'Unimplemented', '14': 'Unavailable' }

/** A message in gRPC's frame: not compressed, length, and HealthCheckRequest { service = 1 }. */
function frame(service: string): Buffer {
  const name = Buffer.from(service)
  if (name.length > 127) throw new Error('the service name of a gRPC probe is at most 127 bytes')
  const message = name.length > 0 ? Buffer.concat([Buffer.from([0x0a, name.length]), name]) : Buffer.alloc(0)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** HealthCheckResponse { status = 1 }: a field of its own type is skipped with the rest. */
const statusOf = (body: Buffer) => STATUSES[body[5] === 0x08 ? (body[6] ?? 0) : 0] ?? 'UNKNOWN'

export async function dialGrpc(host: string, port: number, service: string, timeoutMs: number): Promise<Failure> {
  const { connect, constants } = await import('node:http2')
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return new Promise(resolve => {
    const session = connect(`http://${address}`)
    let connected = false
    const settle = (failure: Failure) => {
      clearTimeout(timer)
      session.destroy()
      resolve(failure)
    }
    const timer = setTimeout(
      () =>
        settle(
          connected
            ? `timeout: health rpc did not complete within ${timeoutMs / 1000}s`
            : `timeout: failed to connect service "${address}" within ${timeoutMs / 1000}s: context deadline exceeded`,
        ),
      timeoutMs,
    )
    session.on('connect', () => {
      connected = true
    })
    session.on('error', error => settle(`failed to connect service "${address}": ${error.message}`))
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let body = Buffer.alloc(0)
    let code = '0'
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) code = String(headers['grpc-status'])
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('data', (chunk: Buffer) => {
      if (body.length < 64) body = Buffer.concat([body, chunk])
    })
    stream.on('error', error => settle(`health rpc failed: ${error.message}`))
    stream.on('end', () => {
      if (code === '12') return settle('this server does not implement the grpc health protocol (grpc.health.v1.Health)')
      if (code !== '0') return settle(`health rpc failed: rpc error: code = ${CODES[code] ?? code}`)
      const status = statusOf(body)
      settle(status === 'SERVING' ? null : `service unhealthy (responded with "${status}")`)
    })
    stream.end(frame(service))
  })
}
