// `npm run synth` writes cdk.out; the CDK CLI runs this file too (cdk.json). Bundles first: the functions are assets of the stack.
import { App } from 'aws-cdk-lib'
import { bundleFunctions, type FunctionName } from '../scripts/bundle.ts'
import { readConfig } from './config.ts'
import { agentImageSource, gatewayImageSource } from './images.ts'
import { ZeroplaneStack } from './stack.ts'

const app = new App()
const config = readConfig(app.node)
const bundles = Object.fromEntries((await bundleFunctions()).map(b => [b.name, b.directory])) as Record<FunctionName, string>

new ZeroplaneStack(app, config.stackName, {
  config,
  bundles,
  agentImage: await agentImageSource(config),
  gatewayImage: await gatewayImageSource(config),
  description: 'Zeroplane: a Kubernetes control plane with no servers',
  ...(process.env.CDK_DEFAULT_ACCOUNT ? { env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION } } : {}),
})
app.synth()
