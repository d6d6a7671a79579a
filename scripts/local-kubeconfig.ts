// Access to a cluster of the deployment on this machine: the default cluster gives a token for it, and the kubeconfig gets a context more.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type Access, accessOf, addContext, contextOf } from '../localstack/host/kubeconfig.ts'

/** The most that is given. A token ends with its cluster, whatever it says itself. Seconds. */
const LIFETIME = 2 ** 32

/** Prints what to do next, or what is the matter. */
export async function addLocalContext(dataDir: string, cluster: string): Promise<void> {
  const file = join(dataDir, 'kubeconfig')
  if (!existsSync(file)) return fail(`there is no ${file}: start a deployment with npm start, or name its folder with --data`)
  const before = readFileSync(file, 'utf8')
  const access = accessOf(before)
  try {
    const token = await tokenFor(access, cluster)
    const name = contextOf(cluster)
    writeFileSync(file, addContext(before, { ...access, server: `${access.server}/clusters/${cluster}`, token }, name), { mode: 0o600 })
    console.log(`kubectl --kubeconfig ${file} --context ${name} get namespaces`)
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error))
  }
}

function fail(message: string): void {
  console.error(`zeroplane: ${message}`)
  process.exitCode = 1
}

/** @throws Error with what the API says */
async function tokenFor({ server, ca, token }: Access, cluster: string): Promise<string> {
  const url = `${server}/apis/zeroplane.dev/v1alpha1/clusters/${encodeURIComponent(cluster)}/token`
  const body = JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { audiences: [], expirationSeconds: LIFETIME },
  })
  const answer = await new Promise<{ message?: string; status?: { token?: string } }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', ca, headers, agent: false }, async response => {
      try {
        resolve(JSON.parse(Buffer.concat(await response.toArray()).toString()))
      } catch (error) {
        reject(error)
      }
    })
    sent.on('error', reject)
    sent.end(body)
  })
  const given = answer.status?.token
  if (given === undefined) throw new Error(answer.message ?? `no token for cluster ${cluster} was given`)
  return given
}
