// One forwarded connection: a pair of the client's streams and one stream of the pod's tunnel, joined, each direction with an end of its own.
import type { ClientHttp2Stream } from 'node:http2'
import type { PortStreams } from './client/port-streams.ts'

/** An error's text is a line. */
const LONGEST_ERROR = 4096

/** @param open asks the agent for the port; rejects when there is no way to it */
export async function joinForward(
  { port, data, error }: PortStreams,
  pod: { readonly name?: string; readonly uid?: string },
  open: (port: number) => Promise<ClientHttp2Stream>,
): Promise<void> {
  const fail = (why: string) => {
    error.end(`error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${why}`)
    data.end()
    data.resume()
  }
  error.resume()
  let tunnel: ClientHttp2Stream
  try {
    tunnel = await open(port)
  } catch (reason) {
    return fail(reason instanceof Error ? reason.message : String(reason))
  }
  tunnel.on('response', headers => {
    if (headers[':status'] === 200) {
      tunnel.pipe(data)
      return
    }
    let text = ''
    tunnel.setEncoding('utf8')
    tunnel.on('data', (chunk: string) => {
      if (text.length < LONGEST_ERROR) text += chunk
    })
    tunnel.on('end', () => fail(text))
  })
  // Bytes that come before the port has been reached wait in the stream's window.
  data.pipe(tunnel)
  data.on('close', () => tunnel.close())
  tunnel.on('error', () => {})
  tunnel.on('close', () => {
    if (data.writableEnded) return error.end()
    fail('the connection to the pod was lost')
  })
  // What the pod had to say has been said: the client waits for the end of the error stream.
  data.on('finish', () => error.end())
}
