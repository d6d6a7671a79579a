// What the Docker Engine knows of a cluster's containers.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { LABELS } from '../../localstack/ecs/docker/spec.ts'
import { ensureDocker } from '../../localstack/host/machine/docker.ts'
import { ended } from '../../localstack/host/process.ts'
import type { Cluster } from './cluster.ts'

const docker = new Docker()

/** Those of this cluster, stopped ones too. `name`: of the container in its task. */
export async function containersOf(cluster: Pick<Cluster, 'dataDir'>, name?: string): Promise<Docker.ContainerInfo[]> {
  const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'zeroplane.json'), 'utf8')) as { id: string }
  const label = [`${LABELS.owner}=${id}`, ...(name === undefined ? [] : [`${LABELS.container}=${name}`])]
  return await docker.listContainers({ all: true, filters: { label } })
}

/** The only container of that name in the cluster. */
export async function inspectOne(cluster: Pick<Cluster, 'dataDir'>, name: string): Promise<Docker.ContainerInspectInfo> {
  const found = await containersOf(cluster, name)
  if (found.length !== 1) throw new Error(`${found.length} containers are called ${name}: ${found.map(({ Names }) => Names[0]).join(', ')}`)
  return await docker.getContainer(found[0]!.Id).inspect()
}

export async function kill(id: string): Promise<void> {
  await docker.getContainer(id).kill({ signal: 'SIGKILL' })
}

/** Ends the engine and starts it again, as an upgrade of it would. */
export async function restartEngine(): Promise<void> {
  const pid = Number.parseInt(readFileSync('/var/run/docker.pid', 'utf8'), 10)
  process.kill(pid, 'SIGTERM')
  await ended(pid, 60_000)
  await ensureDocker(() => {})
}
