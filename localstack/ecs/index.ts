import type { Events } from '../aws/events/service.ts'
import type { Logs } from '../aws/logs/service.ts'
import type { Door } from '../aws/server.ts'
import type { Service, World } from '../aws/service.ts'

export interface EcsOptions {
  readonly engine: 'docker' | 'simulated'
  /** Container instances; 0 for none. */
  readonly nodes: number
}

export interface StartedEcs {
  readonly service: Service
  readonly registry: Door
  resume(): Promise<void>
  close(): Promise<void>
}

export async function startEcs(_options: EcsOptions, _world: World, _ports: { logs: Logs; events: Events }): Promise<StartedEcs> {
  throw new Error('ECS is being built')
}
