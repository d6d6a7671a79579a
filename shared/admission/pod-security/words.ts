// How the checks see a pod, and name what they see.
import type { Container, PodSpec } from '../../api/core/v1.ts'

/** In upstream's order: init containers first. */
export const allContainers = (spec: PodSpec): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as readonly Container[]),
]

export const plural = (word: string, count: number): string => (count === 1 ? word : `${word}s`)

/** "a", "b": each once, in order. */
export const quoted = (values: readonly string[]): string =>
  [...new Set(values)]
    .sort()
    .map(value => JSON.stringify(value))
    .join(', ')

/** containers "z", "a": in the order they stand. */
export const lists = (word: string, items: readonly { readonly name: string }[]): string =>
  `${plural(word, items.length)} ${items.map(({ name }) => JSON.stringify(name)).join(', ')}`

/** "pod and container "a"", or nothing. */
export const setters = (pod: boolean, containers: readonly Container[]): string =>
  [...(pod ? ['pod'] : []), ...(containers.length === 0 ? [] : [lists('container', containers)])].join(' and ')

/** What only Linux has need not be said for Windows. */
export const isWindows = (spec: PodSpec, minor: number): boolean => minor >= 25 && spec.os?.name === 'windows'

/** Root of a user namespace is nobody outside it. */
export const withUserNamespace = (spec: PodSpec, minor: number): boolean => minor >= 35 && spec.hostUsers === false
