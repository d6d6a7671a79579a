// /healthz, /livez and /readyz. Whoever answers at all is healthy: there is nothing to wait for between requests, and what the checks of
// upstream look at (etcd, informers) is either asked for with every request or not there. The names stay, for those who read them.
import { answerText, type Responder } from '../response/respond.ts'

const HEALTH_CHECKS = ['ping', 'log', 'etcd', 'informer-sync', 'shutdown']
const READY_CHECKS = ['informer-sync', 'shutdown']

/** Undefined: there is no such check. */
export function answerHealth(path: string, query: URLSearchParams, responder: Responder): Response | undefined {
  const [, root = '', check, ...more] = path.split('/')
  if (check === '' || more.length > 0) return undefined
  const checks = HEALTH_CHECKS.filter(name => root === 'readyz' || !READY_CHECKS.includes(name))
  if (check !== undefined) return checks.includes(check) ? answerText(responder, 200, 'ok') : undefined
  if (!query.has('verbose')) return answerText(responder, 200, 'ok')
  const excluded = query.getAll('exclude')
  const lines = checks.map(name => (excluded.includes(name) ? `[+]${name} excluded: ok` : `[+]${name} ok`))
  return answerText(responder, 200, `${lines.join('\n')}\n${root} check passed\n`)
}
