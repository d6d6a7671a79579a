// Containers at the engine, by name.
import type Docker from 'dockerode'
import { type Engine, isMissing, statusOf } from './engine.ts'
import { LABELS } from './spec.ts'

/** Its name is the same each time, so a second creation finds the first one's container. Answers the id. */
export async function createOnce(engine: Engine, options: Docker.ContainerCreateOptions): Promise<string> {
  try {
    return (await engine.call(docker => docker.createContainer(options))).id
  } catch (error) {
    if (statusOf(error) !== 409) throw error
    return (await engine.call(docker => docker.getContainer(options.name!).inspect())).Id
  }
}

/** What is not there, or being removed already (409), is no error. */
export async function removeContainer(engine: Engine, nameOrId: string): Promise<void> {
  try {
    await engine.call(docker => docker.getContainer(nameOrId).remove({ force: true, v: true }))
  } catch (error) {
    if (!isMissing(error) && statusOf(error) !== 409) throw error
  }
}

/** Those of an owner, whatever their state. */
export function listContainers(engine: Engine, owner: string, labels: readonly string[] = []): Promise<Docker.ContainerInfo[]> {
  const filters = { label: [`${LABELS.owner}=${owner}`, ...labels] }
  return engine.call(docker => docker.listContainers({ all: true, filters }))
}
