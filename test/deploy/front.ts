// The HTTPS address of a Function URL, which the emulator lacks: it serves them under a path, without TLS, and kubectl keeps
// its credentials to itself there. Bodies that the streaming shim had to write as text are turned back; nothing else is done.
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { serverCertificate } from '../../localstack/host/certificates.ts'

export interface Front {
  readonly url: string
  /** File with the certificate authority. */
  readonly ca: string
  close(): Promise<void>
}

/** @param target where the function answers, e.g. http://127.0.0.1:4566/_aws/lambda-url/abc */
export async function startFront(target: string, folder: string): Promise<Front> {
  const { cert, key } = await serverCertificate(folder, ['127.0.0.1', 'localhost'], Date.now())
  const base = new URL(target)
  const server = createServer({ cert, key }, (request, response) => {
    const onward = httpRequest(
      {
        host: base.hostname,
        port: base.port,
        method: request.method,
        path: base.pathname + (request.url ?? '/'),
        headers: request.headers,
      },
      answer => {
        const { 'x-emulator-base64': base64, 'content-length': length, ...headers } = answer.headers
        if (!base64) {
          response.writeHead(answer.statusCode ?? 502, { ...headers, ...(length ? { 'content-length': length } : {}) })
          answer.pipe(response)
          return
        }
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => {
          response.writeHead(answer.statusCode ?? 502, headers)
          response.end(Buffer.from(Buffer.concat(parts).toString('latin1'), 'base64'))
        })
      },
    )
    onward.on('error', error => response.headersSent || response.writeHead(502).end(String(error)))
    request.pipe(onward)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const ca = join(folder, 'ca.crt')
  readFileSync(ca)
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
