// A pod that is on a node can be resized only while the node is there to do it.
import type { Pod } from '../api/core/v1.ts'
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { objectOf } from './attributes.ts'

const NODES = { group: '', resource: 'nodes' }

export const podResize: AdmissionPlugin = {
  name: 'PodResize',
  async validate(attributes) {
    const { endpoint, subresource, name, context } = attributes
    if (subresource !== 'resize' || endpoint.collection.resource !== 'pods' || endpoint.collection.group !== '') return
    const node = objectOf<Pod>(attributes).spec?.nodeName
    if (!node || (await context.read.get(NODES, undefined, node)) !== undefined) return
    throw forbidden(endpoint.collection, name, `node ${JSON.stringify(node)} not found`)
  },
}
