// The file that kubectl reads, with everything inside it: no paths, so that it can be copied anywhere on this machine.
import { stringify } from 'yaml'

export interface Access {
  /** "https://127.0.0.1:6443" */
  readonly server: string
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string
  readonly token: string
}

export function kubeconfig({ server, ca, token }: Access, name = 'zeroplane'): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'zeroplane-admin', user: { token } }],
    contexts: [{ name, context: { cluster: name, user: 'zeroplane-admin' } }],
    'current-context': name,
  })
}
