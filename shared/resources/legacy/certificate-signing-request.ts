// certificates.k8s.io/v1beta1: who signs is found from what is asked for, and usages may be left out (pkg/apis/certificates/v1beta1/defaults.go).
import type { CertificateSigningRequest } from '../../api/certificates/v1.ts'
import type { VersionDefinition } from '../../apimachinery/resource.ts'
import { deprecated } from './deprecated.ts'

/** Nobody signs for it: what is asked for is of no kind that Kubernetes knows. */
const UNKNOWN = 'kubernetes.io/legacy-unknown'

export const CERTIFICATE_REQUESTS: readonly VersionDefinition[] = [
  {
    version: 'v1beta1',
    schema: 'io.k8s.api.certificates.v1beta1.CertificateSigningRequest',
    deprecation: deprecated('certificates.k8s.io/v1beta1', 'CertificateSigningRequest', '1.19', '1.22', 'certificates.k8s.io/v1'),
    defaults(object) {
      const { spec, status } = object as CertificateSigningRequest
      if (spec !== undefined) {
        spec.signerName ||= UNKNOWN
        if ((spec.usages ?? []).length === 0) spec.usages = ['digital signature', 'key encipherment']
      }
      for (const condition of status?.conditions ?? []) condition.status ||= 'True'
    },
  },
]
