// Every built-in kind.
import type { ResourceDefinition } from '../apimachinery/resource.ts'
import configMap from './config-map.ts'
import namespace from './namespace.ts'

export const BUILT_IN: readonly ResourceDefinition[] = [configMap, namespace]
