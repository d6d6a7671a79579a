import { relative } from 'node:path'
import type { HostOptions } from './options.ts'

/** What a person needs next. `elapsed`: milliseconds since the start. */
export function readySummary(options: HostOptions, nodes: string, elapsed: number): string {
  const folder = relative(process.env.INIT_CWD ?? process.cwd(), options.dataDir) || '.'
  const kubeconfig = folder.startsWith('..') ? `${options.dataDir}/kubeconfig` : `${folder}/kubeconfig`
  return [
    '',
    `Zeroplane is ready after ${(elapsed / 1000).toFixed(1)} s: the Kubernetes API at https://127.0.0.1:${options.apiPort}, ${nodes}.`,
    '',
    `  export KUBECONFIG=${kubeconfig}`,
    '',
  ].join('\n')
}
