// discovery.k8s.io/v1beta1: node and zone of an endpoint stand in its topology (pkg/apis/discovery/v1beta1/conversion.go).
import type { Endpoint, EndpointSlice } from '../../api/discovery/v1.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { deprecated } from './deprecated.ts'

const ZONE = 'topology.kubernetes.io/zone'
const HOST = 'kubernetes.io/hostname'

type OldEndpoint = Omit<Endpoint, 'deprecatedTopology' | 'zone'> & { topology?: Record<string, string> }

function newEndpoint({ topology, ...endpoint }: OldEndpoint): Endpoint {
  if (topology === undefined) return endpoint
  const { [ZONE]: zone, [HOST]: host, ...others } = topology
  const nodeName = endpoint.nodeName ?? host
  return {
    ...endpoint,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(Object.keys(others).length === 0 ? {} : { deprecatedTopology: others }),
  }
}

function oldEndpoint({ zone, deprecatedTopology, ...endpoint }: Endpoint): OldEndpoint {
  const topology = {
    ...deprecatedTopology,
    ...(endpoint.nodeName === undefined ? {} : { [HOST]: endpoint.nodeName }),
    ...(zone === undefined ? {} : { [ZONE]: zone }),
  }
  return Object.keys(topology).length === 0 ? endpoint : { ...endpoint, topology }
}

export const ENDPOINT_SLICES: readonly VersionDefinition[] = [
  {
    version: 'v1beta1',
    schema: 'io.k8s.api.discovery.v1beta1.EndpointSlice',
    deprecation: deprecated('discovery.k8s.io/v1beta1', 'EndpointSlice', '1.21', '1.25', 'discovery.k8s.io/v1'),
    toStorage: object =>
      ({ ...object, endpoints: (object as KubeObject & { endpoints?: OldEndpoint[] }).endpoints?.map(newEndpoint) }) as KubeObject,
    fromStorage: object => ({ ...object, endpoints: (object as EndpointSlice).endpoints?.map(oldEndpoint) }) as KubeObject,
  },
]
