// attach: a client's end of a container's own streams.
import type { ServerHttp2Stream } from 'node:http2'
import type { Container } from './container.ts'
import { SessionStream } from './session-stream.ts'

export async function serveAttach(stream: ServerHttp2Stream, containers: readonly Container[]): Promise<void> {
  const session = new SessionStream(stream)
  const { container: name, stdin } = await session.start
  const attachable = containers.find(container => container.name === name)?.session?.attachable
  if (!attachable) return session.refuse(500, `container not found (${JSON.stringify(name)})`)
  session.accept()
  attachable.attach(session, stdin)
}
