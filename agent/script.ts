// The start scripts that a holder reads: one call of its function `launch` with everything quoted.

export interface Command {
  /** Where the holder's files file-0, file-1 ... go before the command runs. */
  readonly placed?: readonly string[]
  readonly argv: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
}

/** Inside single quotes a shell reads nothing but the closing quote. */
export const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** The variables are set over those of the image; a command of its own for PATH, because the command is looked up in the PATH it will have. */
export function startScript({ argv, env, placed = [] }: Command): string {
  const last = new Map(env.map(({ name, value }) => [name, value]))
  const path = last.get('PATH')
  const words = [...[...last].map(([name, value]) => `${name}=${value}`), ...argv].map(quote)
  const places = placed.map((target, index) => `place ${index} ${quote(target)}\n`).join('')
  return `${places}${path === undefined ? '' : `PATH=${quote(path)}\n`}launch ${last.size} ${words.join(' ')}\n`
}
