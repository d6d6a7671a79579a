import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { connect } from '../../localstack/ecs/docker/engine.ts'

// The client inspects its agent with every request.
test('what the agent shows of itself does not grow with its connections', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-engine-'))
  const socket = join(folder, 'docker.sock')
  const held: (() => void)[] = []
  const all = Promise.withResolvers<void>()
  const server = createServer((_, response) => {
    held.push(() => response.end('{}'))
    if (held.length === 20) all.resolve()
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const before = process.env.DOCKER_HOST
  process.env.DOCKER_HOST = `unix://${socket}`
  try {
    const docker = connect()
    const calls = Array.from({ length: 20 }, () => docker.info())
    await all.promise
    const { agent } = docker.modem as unknown as { agent: { destroy(): void } }
    expect(inspect(agent, { showHidden: true, depth: null }).length).toBeLessThan(100)
    for (const answer of held) answer()
    await Promise.all(calls)
    agent.destroy()
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST
    else process.env.DOCKER_HOST = before
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
