// Patterns are Go's regular expressions, which JavaScript mostly has too.
const known = new Map<string, RegExp | undefined>()

const POSIX: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** Undefined when it is none. */
export function compilePattern(pattern: string): RegExp | undefined {
  if (known.has(pattern)) return known.get(pattern)
  const compiled = compile(pattern)
  if (known.size > 10_000) known.clear()
  known.set(pattern, compiled)
  return compiled
}

function compile(pattern: string): RegExp | undefined {
  // Look-around and back-references are not Go's.
  if (/\(\?(?:[=!]|<[=!])|\\[1-9]/.test(pattern.replace(/\\\\/g, ''))) return undefined
  const leading = /^\(\?([imsU]+)\)/.exec(pattern)
  const flags = leading?.[1] ?? ''
  const source = (leading === null ? pattern : pattern.slice(leading[0].length))
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\(\?P</g, '(?<')
    .replace(/\[:(\w+):\]/g, (text, name: string) => (Object.hasOwn(POSIX, name) ? (POSIX[name] as string) : text))
  const wanted = `${flags.includes('i') ? 'i' : ''}${flags.includes('m') ? 'm' : ''}${flags.includes('s') ? 's' : ''}`
  for (const unicode of ['u', '']) {
    try {
      return new RegExp(source, wanted + unicode)
    } catch {
      // Without "u" JavaScript takes escapes that it does not know, as Go does.
    }
  }
  return undefined
}

/** What Go says of a pattern that is none. */
export function patternProblem(pattern: string): string {
  let depth = 0
  let inClass = false
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '\\') at++
    else if (inClass) inClass = char !== ']'
    else if (char === '[') inClass = true
    else if (char === '(') depth++
    else if (char === ')' && --depth < 0) return `unexpected ): \`${pattern}\``
  }
  if (inClass) return `missing closing ]: \`${pattern.slice(pattern.lastIndexOf('['))}\``
  if (depth > 0) return `missing closing ): \`${pattern}\``
  const perl = /\(\?(?:[=!]|<[=!])/.exec(pattern)
  if (perl !== null) return `invalid or unsupported Perl syntax: \`${pattern.slice(perl.index, perl.index + 3)}\``
  const bare = /^[*+?]/.exec(pattern)
  return bare === null ? `invalid escape sequence: \`${pattern}\`` : `missing argument to repetition operator: \`${bare[0]}\``
}
