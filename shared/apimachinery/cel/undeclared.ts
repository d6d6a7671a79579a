// Every name in an expression that nothing stands for: upstream lists them all, the interpreter stops at the first.
import type { Environment } from '@marcbachmann/cel-js'
import type { Fault } from './problems.ts'

interface Node {
  readonly op: string
  readonly args: unknown
  readonly start: number
  readonly end: number
}

/** Methods whose first argument names a variable for the others. */
const BINDING = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'optMap', 'optFlatMap'])
/** The interpreter knows it, and Kubernetes does not (cel.bind). */
const FOREIGN = 'cel'

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'op' in value

/** In the order of the text. */
export function undeclared(ast: unknown, text: string, environment: Environment): readonly Fault[] {
  const functions = new Set(environment.getDefinitions().functions.map(({ name }) => name))
  functions.delete('bind')
  const faults: Fault[] = []
  walk(ast, new Set())
  return faults.sort((a, b) => (a.range?.start ?? 0) - (b.range?.start ?? 0))

  function report(name: string, start: number): void {
    faults.push({ code: 'undeclared_name', message: name, summary: name, range: { start, end: start + 1 } })
  }

  function called(name: string, from: number): void {
    if (!functions.has(name) && !name.startsWith('__')) report(name, text.indexOf('(', text.indexOf(name, from)))
  }

  function walk(node: unknown, bound: ReadonlySet<string>): void {
    if (Array.isArray(node)) for (const one of node) walk(one, bound)
    if (!isNode(node)) return
    if (node.op === 'id') {
      const name = node.args as string
      if (!bound.has(name) && (name === FOREIGN || !environment.hasVariable(name))) report(name, node.start)
    } else if (node.op === 'call') {
      const [name, args] = node.args as [string, Node[]]
      called(name, node.start)
      walk(args, bound)
    } else if (node.op === 'rcall') {
      const [name, receiver, args] = node.args as [string, Node, Node[]]
      called(name, receiver.end)
      walk(receiver, bound)
      const [variable, ...others] = args
      const binds = BINDING.has(name) && others.length > 0 && variable?.op === 'id'
      if (binds) walk(others, new Set([...bound, variable.args as string]))
      else walk(args, bound)
    } else walk(node.args, bound)
  }
}
