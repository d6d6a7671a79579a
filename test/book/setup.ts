// One cluster for all chapters. It is named here and started by the first chapter that is played, so that it does not run while other
// suites do; whoever started it, it ends here.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { Cluster } from '../tools/cluster.ts'
import { untagImages } from './images.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly book: { readonly dataDir: string; readonly apiPort: number; readonly awsPort: number }
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await Cluster.prepare()
  const { dataDir, apiPort, awsPort } = cluster
  project.provide('book', { dataDir, apiPort, awsPort })
  return async () => {
    if (existsSync(join(dataDir, 'zeroplane.pid'))) await cluster.destroy()
    await untagImages()
  }
}
