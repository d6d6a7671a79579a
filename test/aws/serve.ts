// A process with nothing but the local AWS on Docker, to be killed by a test. Prints its endpoint.
import { startAws } from '../../localstack/aws/index.ts'
import { CLUSTER } from './ecs-kit.ts'

const aws = await startAws({ port: 0, dataDir: process.argv[2], ecs: { engine: 'docker', nodes: 1, cluster: CLUSTER } })
await aws.attach(async () => {})
console.log(aws.endpoint)
