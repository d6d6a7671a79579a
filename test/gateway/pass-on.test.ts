// What is no stream passes through the gateway as it came, also while it is being answered.
import { createServer, get, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { passOn } from '../../gateway/pass-on.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const behind = async (listener: RequestListener) => await listen(passOn(`http://127.0.0.1:${await listen(listener)}`))

it('method, path, headers and body go there; status, headers and body come back', async () => {
  const port = await behind((incoming, response) => {
    let body = ''
    incoming.on('data', chunk => {
      body += chunk
    })
    incoming.on('end', () => {
      response.writeHead(201, { 'audit-id': 'a', warning: '299 - "one", 299 - "two"' })
      response.end(`${incoming.method} ${incoming.url} ${incoming.headers.authorization} ${incoming.headers.upgrade} ${body}`)
    })
  })
  const answer = await new Promise<{ response: IncomingMessage; text: string }>((resolve, reject) => {
    const headers = { authorization: 'Bearer t', connection: 'Upgrade', upgrade: 'h2c' }
    const call = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/v1/x?y=%2F', headers }, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ response, text }))
    })
    call.on('error', reject)
    call.end('body')
  })
  expect(answer.response.statusCode).toBe(201)
  expect(answer.response.headers).toMatchObject({ 'audit-id': 'a', warning: '299 - "one", 299 - "two"' })
  expect(answer.text).toBe('POST /api/v1/x?y=%2F Bearer t undefined body')
})

it('a watch: its events come as they happen, and it ends there when the client leaves', async () => {
  let left = () => {}
  const gone = new Promise<void>(resolve => {
    left = resolve
  })
  let send = (_: string) => {}
  const port = await behind((incoming, response) => {
    response.writeHead(200)
    response.flushHeaders()
    send = text => void response.write(text)
    incoming.on('close', left)
  })
  const call = get({ port, host: '127.0.0.1', path: '/watch' })
  const response = await new Promise<IncomingMessage>(resolve => call.on('response', resolve))
  for (const event of ['one', 'two']) {
    send(event)
    expect(String(await new Promise(resolve => response.once('data', resolve)))).toBe(event)
  }
  call.destroy()
  await gone
})

it('an API that does not answer is a Status that says to try again', async () => {
  const nobody = await listen(() => {})
  servers.pop()!.close()
  const port = await listen(passOn(`http://127.0.0.1:${nobody}`))
  const response = await fetch(`http://127.0.0.1:${port}/api`)
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'ServiceUnavailable' })
})
