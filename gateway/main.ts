// The program of the gateway's container (docs/gateway.md).
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { readEnvironment } from '../shared/aws/environment.ts'
import { gatewayOfEnvironment, log } from './handler.ts'
import { passOn } from './pass-on.ts'

const DEFAULT_PORT = 8080
/** Longer than any load balancer's, so that none uses a connection which we are closing. */
const KEEP_ALIVE_MS = 400_000
/** Sessions are told that it is over; who still has something to read has this long. */
const LAST_MOMENT_MS = 5_000

const { API_URL, API_CA } = readEnvironment(['API_URL', 'API_CA'])
const { GATEWAY_PORT = String(DEFAULT_PORT), GATEWAY_CERT: cert, GATEWAY_KEY: key } = process.env
const gateway = await gatewayOfEnvironment()
const others = passOn(API_URL, API_CA || undefined)
const listener = (request: IncomingMessage, response: ServerResponse) => {
  if (!gateway.handle(request, response)) others(request, response)
}
const options = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, shouldUpgradeCallback: gateway.takes }
const server = cert && key ? createHttps({ ...options, cert, key }, listener) : createHttp(options, listener)
server.on('upgrade', gateway.upgrade)
server.listen(Number(GATEWAY_PORT), () => log.debug({ port: Number(GATEWAY_PORT), tls: Boolean(cert && key) }, 'the gateway listens'))

process.on('SIGTERM', () => {
  server.close()
  gateway.close()
  setTimeout(() => process.exit(0), LAST_MOMENT_MS)
})
