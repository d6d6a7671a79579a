// Questions of rights: authorizer.group('apps').resource('deployments').namespace('n').check('get').allowed()
// (k8s.io/apiserver/pkg/cel/library/authz.go). They are asked of the store, so that expressions with them answer later.
import type { Environment } from '@marcbachmann/cel-js'

export interface Question {
  readonly verb: string
  readonly path: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** Whose rights; undefined: those of who asks. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string }
}

export type Ask = (question: Question) => Promise<{ readonly allowed: boolean; readonly reason?: string }>

export class CelAuthorizer {
  readonly ask: Ask
  readonly account: Question['serviceAccount']
  /** About what the request itself is for. */
  readonly requestResource: ResourceCheck | undefined
  constructor(ask: Ask, account?: Question['serviceAccount'], request?: Part) {
    this.ask = ask
    this.account = account
    this.requestResource = request && new ResourceCheck(this, request)
  }
}

type Part = Partial<Omit<Question, 'verb'>>

/** What a question is about, as far as it has been said. */
class Check {
  readonly authorizer: CelAuthorizer
  readonly about: Part
  constructor(authorizer: CelAuthorizer, about: Part) {
    this.authorizer = authorizer
    this.about = about
  }
}
class PathCheck extends Check {}
class GroupCheck extends Check {}
class ResourceCheck extends Check {}

class Decision {
  readonly allowed: boolean
  readonly reason: string
  constructor(allowed: boolean, reason: string) {
    this.allowed = allowed
    this.reason = reason
  }
}

async function decide({ authorizer, about }: Check, verb: string): Promise<Decision> {
  const question = {
    verb,
    path: '',
    group: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    ...about,
    serviceAccount: authorizer.account,
  }
  const { allowed, reason = '' } = await authorizer.ask(question)
  return new Decision(allowed, reason)
}

export function registerAuthorizer(environment: Environment): void {
  environment.registerType('Authorizer', CelAuthorizer)
  environment.registerType('PathCheck', PathCheck)
  environment.registerType('GroupCheck', GroupCheck)
  environment.registerType('ResourceCheck', ResourceCheck)
  environment.registerType('Decision', Decision)
  environment.registerFunction('Authorizer.path(string): PathCheck', (one: CelAuthorizer, path: string) => new PathCheck(one, { path }))
  environment.registerFunction(
    'Authorizer.group(string): GroupCheck',
    (one: CelAuthorizer, group: string) => new GroupCheck(one, { group }),
  )
  environment.registerFunction(
    'Authorizer.serviceAccount(string, string): Authorizer',
    (one: CelAuthorizer, namespace: string, name: string) => new CelAuthorizer(one.ask, { namespace, name }),
  )
  environment.registerFunction(
    'GroupCheck.resource(string): ResourceCheck',
    ({ authorizer, about }: Check, resource: string) => new ResourceCheck(authorizer, { ...about, resource }),
  )
  for (const part of ['subresource', 'namespace', 'name'] as const) {
    environment.registerFunction(
      `ResourceCheck.${part}(string): ResourceCheck`,
      ({ authorizer, about }: Check, value: string) => new ResourceCheck(authorizer, { ...about, [part]: value }),
    )
  }
  environment.registerFunction('ResourceCheck.check(string): Decision', async (check: Check, verb: string) => decide(check, verb))
  environment.registerFunction('PathCheck.check(string): Decision', async (check: Check, verb: string) => decide(check, verb))
  environment.registerFunction('Decision.allowed(): bool', ({ allowed }: Decision) => allowed)
  environment.registerFunction('Decision.reason(): string', ({ reason }: Decision) => reason)
  environment.registerFunction('Decision.errored(): bool', () => false)
  environment.registerFunction('Decision.error(): string', () => '')
}
