// POST clusters/<name>/token: a token with all rights in that cluster, for whoever may ask for it in the default one. It is a token of the
// cluster's own account `kube-system/cluster-admin`, which the first request makes: deleting that account takes all of them back.
import type { Machinery } from '../../shared/apimachinery/machinery.ts'
import type { Action } from '../../shared/apimachinery/resource.ts'
import { TOKEN_REQUEST } from '../../shared/auth/token-action.ts'

/** @param open the cluster of a name. @throws StatusError 404 */
export function clusterTokenAction(open: (name: string) => Promise<Machinery>): Action {
  return {
    kind: TOKEN_REQUEST,
    verbs: ['create'],
    accepts: [{ ...TOKEN_REQUEST, schema: 'io.k8s.api.authentication.v1.TokenRequest' }],
    async create({ name }, body, context) {
      const [{ issueClusterToken }, machinery] = await Promise.all([import('./cluster-account.ts'), open(name)])
      return issueClusterToken(machinery, body, context)
    },
  }
}
