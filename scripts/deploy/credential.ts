// An exec credential plugin for kubectl (client.authentication.k8s.io/v1): prints a token made of the caller's own AWS
// credentials. Nothing secret is written anywhere. Usage: credential.ts --cluster NAME
import { createIamToken } from '../../shared/aws/iam-token.ts'

const at = process.argv.indexOf('--cluster')
const cluster = at > 0 ? process.argv[at + 1] : undefined
if (!cluster) {
  console.error('usage: credential.ts --cluster NAME')
  process.exit(2)
}
try {
  const { token, expires } = await createIamToken(cluster)
  console.log(
    JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token, expirationTimestamp: expires.toISOString() },
    }),
  )
} catch (error) {
  console.error(`zeroplane: no AWS credentials to make a token of: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
