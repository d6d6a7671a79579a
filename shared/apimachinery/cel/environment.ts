// The CEL that Kubernetes speaks: the standard, optional values, and libraries of its own.
import { Environment } from '@marcbachmann/cel-js'
import { registerAuthorizer } from './libraries/authorizer.ts'
import { registerFormats } from './libraries/format.ts'
import { registerLists } from './libraries/lists.ts'
import { registerLiterals } from './libraries/literals.ts'
import { registerNetwork } from './libraries/network.ts'
import { registerOptionals } from './libraries/optionals.ts'
import { constructPatchType, registerPatchTypes } from './libraries/patches.ts'
import { registerQuantities } from './libraries/quantity.ts'
import { registerStrings } from './libraries/strings.ts'
import { registerUrls } from './libraries/url.ts'

const LIMITS = { maxAstNodes: 100_000, maxDepth: 250, maxListElements: 10_000, maxMapEntries: 10_000, maxCallArguments: 64 }

function standard(unlistedVariablesAreDyn: boolean): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: LIMITS,
  })
  for (const register of [
    registerLists,
    registerStrings,
    registerUrls,
    registerQuantities,
    registerNetwork,
    registerFormats,
    registerAuthorizer,
    registerOptionals,
  ])
    register(environment)
  registerLiterals(environment, constructPatchType)
  for (const type of ['google.protobuf.Timestamp', 'google.protobuf.Duration']) environment.registerOperator(`${type} == null`, () => false)
  return environment
}

let checking: Environment | undefined
let evaluating: Environment | undefined
let withOptionalOld: Environment | undefined
let evaluatingPatches: Environment | undefined

/** One of its own, to declare variables in. */
export function checkingEnvironment(): Environment {
  checking ??= standard(false)
  return checking.clone()
}

/** Values say their own types when an expression runs: what could go wrong with them was checked before. */
export function evaluatingEnvironment(): Environment {
  evaluating ??= standard(true)
  return evaluating
}

/** The same for expressions in which oldSelf may be missing: the interpreter must know that it is an optional value. */
export function optionalOldEnvironment(): Environment {
  withOptionalOld ??= standard(true).registerVariable('oldSelf', 'optional<dyn>')
  return withOptionalOld
}

/** The same for expressions that make patches. */
export function evaluatingPatchEnvironment(): Environment {
  if (evaluatingPatches === undefined) {
    evaluatingPatches = standard(true)
    registerPatchTypes(evaluatingPatches)
  }
  return evaluatingPatches
}

/** An environment to check an expression in that makes patches of these types. The given one cannot be changed any more. */
export function withPatchTypes(environment: Environment, types: Iterable<string>): Environment {
  const own = environment.clone()
  registerPatchTypes(own, types)
  return own
}

/** "1h30m" as CEL's duration; undefined when it is none. */
export function durationOf(text: string): unknown {
  try {
    return evaluatingEnvironment().evaluate('duration(text)', { text })
  } catch {
    return undefined
  }
}
