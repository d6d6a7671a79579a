// The environment of one container: what its spec says, with everything it refers to looked up (kubelet_pods.go,
// makeEnvironmentVariables). Pure: the sources are given, as they are now.

import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'
import { fieldValue, type NodeFacts, resourceValue } from './downward.ts'
import { expand } from './expand.ts'
import { serviceVariables, type Variable } from './service-variables.ts'

export interface Sources {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
  /** Services whose variables the pod gets: those of its namespace, and "kubernetes" of namespace default. */
  readonly services: readonly Service[]
  readonly node: NodeFacts
  readonly podIPs: readonly string[]
}

/** Something that the container's configuration refers to is missing: it waits with CreateContainerConfigError and this message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** @throws ConfigError */
export function resolveEnvironment(pod: Pod, container: Container, sources: Sources): Variable[] {
  const result = new Map<string, string>()
  for (const source of container.envFrom ?? []) {
    for (const [key, value] of allOf(source, sources)) result.set(`${source.prefix ?? ''}${key}`, value)
  }
  const services = new Map(serviceVariables(servicesOf(pod, sources)).map(({ name, value }) => [name, value]))
  for (const variable of container.env ?? []) {
    // What a value may mention: variables before it, and those of Services where the pod does not set them itself.
    const known = { get: (name: string) => result.get(name) ?? services.get(name) } as ReadonlyMap<string, string>
    const value = variableValue(pod, container, variable, sources, known)
    if (value !== undefined) result.set(variable.name, value)
  }
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value)
  return [...result].map(([name, value]) => ({ name, value }))
}

/** Without service links only the API's own Service is told. */
function servicesOf(pod: Pod, { services }: Sources): readonly Service[] {
  const links = pod.spec.enableServiceLinks !== false
  return services.filter(({ metadata }) => links || (metadata.name === 'kubernetes' && metadata.namespace === 'default'))
}

function allOf({ configMapRef, secretRef }: NonNullable<Container['envFrom']>[number], sources: Sources): [string, string][] {
  if (configMapRef?.name) {
    const map = sources.configMap(configMapRef.name)
    if (map) return Object.entries(map.data ?? {})
    if (!configMapRef.optional) throw new ConfigError(`configmap ${JSON.stringify(configMapRef.name)} not found`)
  }
  if (secretRef?.name) {
    const secret = sources.secret(secretRef.name)
    if (secret) return Object.entries(secret.data ?? {}).map(([key, value]) => [key, decode(value)])
    if (!secretRef.optional) throw new ConfigError(`secret ${JSON.stringify(secretRef.name)} not found`)
  }
  return []
}

/** Undefined: the variable is not set (an optional reference that leads nowhere). */
function variableValue(
  pod: Pod,
  container: Container,
  { value = '', valueFrom }: EnvVar,
  sources: Sources,
  known: ReadonlyMap<string, string>,
): string | undefined {
  if (!valueFrom) return expand(value, known)
  const { namespace = '' } = pod.metadata
  try {
    if (valueFrom.fieldRef) return fieldValue(pod, valueFrom.fieldRef.fieldPath, sources.node, sources.podIPs)
    if (valueFrom.resourceFieldRef) return resourceValue(pod, container, valueFrom.resourceFieldRef, sources.node)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
  if (valueFrom.configMapKeyRef) {
    const { name = '', key, optional } = valueFrom.configMapKeyRef
    const map = sources.configMap(name)
    const found = member(map?.data, key)
    if (found !== undefined) return found
    if (optional) return undefined
    throw new ConfigError(
      map ? `couldn't find key ${key} in ConfigMap ${namespace}/${name}` : `configmap ${JSON.stringify(name)} not found`,
    )
  }
  if (valueFrom.secretKeyRef) {
    const { name = '', key, optional } = valueFrom.secretKeyRef
    const secret = sources.secret(name)
    const found = member(secret?.data, key)
    if (found !== undefined) return decode(found)
    if (optional) return undefined
    throw new ConfigError(secret ? `couldn't find key ${key} in Secret ${namespace}/${name}` : `secret ${JSON.stringify(name)} not found`)
  }
  throw new ConfigError('this source of a variable is not supported')
}

const decode = (base64: string) => Buffer.from(base64, 'base64').toString('utf8')

/** command or args with their variables in place. */
export function expandAll(words: readonly string[] | undefined, environment: readonly Variable[]): string[] | undefined {
  const variables = new Map(environment.map(({ name, value }) => [name, value]))
  return words?.map(word => expand(word, variables))
}
