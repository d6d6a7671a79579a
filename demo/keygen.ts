// Work to be seen: RSA keys, one after another, until so many are made, so much time has passed, or the work queue is empty.
import { createHash, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeygenFlags } from './flags.ts'

const generate = promisify(generateKeyPair)
const RETRY_MS = 1_000

async function oneKey(): Promise<string> {
  const { publicKey } = await generate('rsa', { modulusLength: 2048 })
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
    .replace(/=+$/, '')
}

/** An item of the queue; false when there is none. Waits for a server that does not answer yet. */
async function dequeue({ memqServer, memqQueue }: KeygenFlags, log: (line: string) => void): Promise<boolean> {
  for (;;) {
    try {
      const response = await fetch(`${memqServer}/queues/${memqQueue}/dequeue`, { method: 'POST' })
      await response.arrayBuffer()
      if (response.status === 204) return false
      if (response.ok) return true
      log(`memq answered ${response.status}`)
    } catch (error) {
      log(`memq: ${error instanceof Error ? (error.cause ?? error.message) : error}`)
    }
    await new Promise(resolve => setTimeout(resolve, RETRY_MS))
  }
}

/** Resolves when the work is complete. */
export async function keygen(flags: KeygenFlags, log: (line: string) => void): Promise<void> {
  const end = flags.timeToRun > 0 ? Date.now() + flags.timeToRun * 1000 : Number.POSITIVE_INFINITY
  log('(ID 0) Workload starting')
  for (let made = 1; flags.numToGen === 0 || made <= flags.numToGen; made++) {
    if (Date.now() >= end) break
    if (flags.memqServer !== '' && !(await dequeue(flags, log))) break
    log(`(ID 0 ${made}/${flags.numToGen}) Item done: SHA256:${await oneKey()}`)
  }
  log('(ID 0) Workload exiting')
}
