// Starts the embedded AWS for a test and makes the SDK's own clients for it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LocalAws, type StartAwsOptions, startAws } from '../../localstack/aws/index.ts'

export interface Started {
  readonly aws: LocalAws
  readonly dataDir: string
  /** What a client of the SDK needs to reach it. One attempt: a test shall see the first answer. */
  readonly client: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string }; maxAttempts: number }
  /** Stops and starts again on the same data. */
  restart(): Promise<Started>
  close(): Promise<void>
}

export async function start(options: Partial<StartAwsOptions> = {}): Promise<Started> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'zeroplane-aws-'))
  const aws = await startAws({ port: 0, log: () => {}, ...options, dataDir })
  return {
    aws,
    dataDir,
    client: { endpoint: aws.endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 },
    async restart() {
      await aws.close()
      return start({ ...options, dataDir })
    },
    async close() {
      await aws.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Waits for something that has no event to wait for. Fails after a generous time, so that a hang is told from slowness. */
export async function eventually<T>(probe: () => Promise<T | undefined> | T | undefined, what: string, patience = 60_000): Promise<T> {
  const end = Date.now() + patience
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`waited ${patience} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
