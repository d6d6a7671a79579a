/** What `npm start` can be told; docs/local.md explains each. */
export interface HostOptions {
  readonly apiPort: number
  readonly awsPort: number
  /** Absolute path. */
  readonly dataDir: string
  /** Begin with an empty data folder. */
  readonly fresh: boolean
  /** How many container instances of our own there are; 0 for none. */
  readonly nodes: number
  readonly ecs: 'docker' | 'simulated'
  readonly store: 'dynamodb' | 'memory'
  readonly serviceCidr: string
  /** EventBridge bus on which object changes are published; absent: they are not. */
  readonly eventBus?: string
  /** False: the API alone, without controllers, scheduler and pods. */
  readonly controllers: boolean
  /** Serve the API versions of 2018, too. */
  readonly legacyApis: boolean
}

export const DEFAULTS: Omit<HostOptions, 'dataDir'> = {
  apiPort: 6443,
  awsPort: 4566,
  fresh: false,
  nodes: 3,
  ecs: 'docker',
  store: 'dynamodb',
  serviceCidr: '127.128.0.0/9',
  controllers: true,
  legacyApis: true,
}

/** True when pods are to become containers on this machine. */
export function needsDocker(options: HostOptions): boolean {
  return options.controllers && options.nodes > 0 && options.ecs === 'docker'
}
