// Which of several classes is the default one.
import type { Ingress, IngressClass } from '../api/networking/v1.ts'
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { concerns, objectOf } from './attributes.ts'

const isDefault = ({ metadata }: KubeObject, annotations: readonly string[]) =>
  annotations.some(key => metadata.annotations?.[key] === 'true')

/** The newest of those that are marked, and the first by name among equals. */
export function newestDefault<T extends KubeObject>(classes: readonly T[], annotations: readonly string[]): T | undefined {
  const marked = classes.filter(one => isDefault(one, annotations))
  return marked.sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
    if (left !== right) return left > right ? -1 : 1
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
  })[0]
}

const INGRESS_CLASSES = { group: 'networking.k8s.io', resource: 'ingressclasses' }
const IS_DEFAULT = ['ingressclass.kubernetes.io/is-default-class']
const OLD_CLASS = 'kubernetes.io/ingress.class'

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  async mutate(attributes) {
    if (!concerns(attributes, 'networking.k8s.io', 'ingresses', 'CREATE')) return
    const ingress = objectOf<Ingress>(attributes)
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[OLD_CLASS] !== undefined) return
    const marked = (await attributes.context.read.list<IngressClass>(INGRESS_CLASSES)).filter(one => isDefault(one, IS_DEFAULT))
    if (marked.length > 1) {
      throw forbidden(attributes.endpoint.collection, attributes.name, `${marked.length} default IngressClasses were found, only 1 allowed`)
    }
    if (marked[0] !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: marked[0].metadata.name }
  },
}
