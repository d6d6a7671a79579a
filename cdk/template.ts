// The template without bundling: for what looks at resources only.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { FUNCTIONS, type FunctionName } from '../scripts/bundle.ts'
import { DEFAULTS, type ZeroplaneConfig } from './config.ts'
import type { ImageSource } from './images.ts'
import { ZeroplaneStack } from './stack.ts'

export interface TemplateJson {
  readonly Resources: Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>
}

/** A folder with a placeholder for each function's code. */
export function emptyBundles(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-stack-'))
  for (const name of FUNCTIONS) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'index.mjs'), `export const handler = () => '${name}'\n`)
  }
  return folder
}

export function synthesise(folder: string, config: ZeroplaneConfig = DEFAULTS, agentImage: ImageSource = 'agent:1'): Template {
  const bundles = Object.fromEntries(FUNCTIONS.map(name => [name, join(folder, name)])) as Record<FunctionName, string>
  return Template.fromStack(
    new ZeroplaneStack(new App(), config.stackName, {
      config,
      bundles,
      agentImage,
      ...(config.gateway.host === '' ? {} : { gatewayImage: 'gateway:1' }),
    }),
  )
}

export function templateOf(folder: string, config?: ZeroplaneConfig): TemplateJson {
  return synthesise(folder, config).toJSON() as TemplateJson
}
