// The command line of `npm start`, as commander reads it.
import { isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULTS, type HostOptions } from './options.ts'

export interface StartFlags extends HostOptions {
  /** Return when it is ready, instead of staying in the foreground. */
  readonly detach: boolean
}

/** Prints and exits for --help and for flags that are wrong. */
export function parseStartFlags(argv: readonly string[], cwd: string): StartFlags {
  const command = new Command('npm start --')
    .description('Starts Zeroplane on this machine: the control plane, the local AWS it runs on, and a kubeconfig for kubectl.')
    .addOption(new Option('--port <port>', 'port of the Kubernetes API').argParser(port).default(DEFAULTS.apiPort))
    .addOption(new Option('--aws-port <port>', 'port of the local AWS endpoint').argParser(port).default(DEFAULTS.awsPort))
    .option('--data <folder>', 'folder that keeps objects, queues, certificates and kubeconfig', '.zeroplane')
    .option('--fresh', 'begin with an empty data folder', false)
    .addOption(new Option('--nodes <n>', 'how many nodes of our own there are, 0 for none').argParser(count).default(DEFAULTS.nodes))
    .addOption(new Option('--ecs <engine>', 'what runs the tasks that are pods').choices(['docker', 'simulated']).default(DEFAULTS.ecs))
    .addOption(
      new Option('--store <store>', 'where objects are kept; memory forgets them').choices(['dynamodb', 'memory']).default(DEFAULTS.store),
    )
    .addOption(new Option('--service-cidr <cidr>', 'range of cluster IPs').argParser(cidr).default(DEFAULTS.serviceCidr))
    .option('--event-bus <name>', 'EventBridge bus on which object changes are published (docs/events.md)')
    .option('--no-controllers', 'serve the API alone, without controllers, scheduler and pods')
    .option('--legacy-apis', 'serve the API versions of 2018, too (default: not with --no-controllers)')
    .option('--no-legacy-apis', 'serve what Kubernetes of today serves, and nothing older')
    .option('--detach', 'return when ready and go on in the background; npm stop ends it', false)
    .helpOption('--help', 'show this')
    .allowExcessArguments(false)
    .parse(argv, { from: 'user' })
  const flags = command.opts<{
    port: number
    awsPort: number
    data: string
    fresh: boolean
    nodes: number
    ecs: 'docker' | 'simulated'
    store: 'dynamodb' | 'memory'
    serviceCidr: string
    eventBus?: string
    controllers: boolean
    legacyApis?: boolean
    detach: boolean
  }>()
  // The API alone is there to be compared with upstream's, which has forgotten the old versions.
  const { port: apiPort, data, legacyApis = flags.controllers, ...rest } = flags
  return { ...rest, legacyApis, apiPort, dataDir: resolve(cwd, data) }
}

function port(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || number > 65535) throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return number
}

function count(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > 100) throw new InvalidArgumentError('Give a number from 0 to 100.')
  return number
}

function cidr(text: string): string {
  const [address = '', bits = '', ...more] = text.split('/')
  if (more.length > 0 || !isIPv4(address) || !/^\d+$/.test(bits) || Number(bits) < 8 || Number(bits) > 28) {
    throw new InvalidArgumentError('Give an IPv4 range with a prefix length from 8 to 28, e.g. 127.128.0.0/9.')
  }
  return text
}
