// YAML answers, letter by letter as sigs.k8s.io/yaml writes them (go-yaml v2): members in natural order, lists not indented, quotes
// only where a reader of YAML 1.1 would take the text for something else, long lines folded at spaces.

const WIDTH = 80
const INDENT = 2
/** Longer keys stand behind a "?". Bytes. */
const MOST_SIMPLE_KEY = 128

const NOT_TEXT = new Set(
  ['y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF ~ null Null NULL']
    .concat('.nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF')
    .flatMap(words => words.split(' ')),
)
const INTEGER = /^[-+]?(?:0[xX][\da-fA-F]+|0[oO][0-7]+|0[0-7]*|0[bB][01]+|[1-9]\d*)$/
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
const BASE_60 = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/
const DATE = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/

/** Whether the text, written as it is, would be read as something else. */
function meansSomething(text: string): boolean {
  if (text === '' || NOT_TEXT.has(text)) return true
  if (!/^[-+.\d]/.test(text)) return false
  if (BASE_60.test(text)) return true
  if (text.startsWith('.')) return FLOAT.test(text)
  const plain = text.replaceAll('_', '')
  return isDate(text) || INTEGER.test(plain) || FLOAT.test(plain)
}

function isDate(text: string): boolean {
  const [year = 0, month = 0, day = 0] = DATE.test(text) ? (text.match(/\d+/g) ?? []).map(Number) : []
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

const isBreak = (char: string | undefined) => char === '\n' || char === '\r' || char === '\u0085' || char === '\u2028' || char === '\u2029'
const isBlank = (char: string | undefined) => char === ' ' || char === '\t'

function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff)
  )
}

type Style = 'plain' | 'single' | 'double' | 'literal'

/** The style that was meant, or the next one that can say this text in this place. */
function styleOf(text: string, chars: readonly string[], isKey: boolean): Style {
  const wanted: Style = text.includes('\n') ? 'literal' : meansSomething(text) ? 'double' : 'plain'
  const at = (i: number) => chars[i]
  const last = chars.length - 1
  const hasBreak = chars.some(isBreak)
  const spaceBreak = chars.some((char, i) => char === ' ' && isBreak(at(i + 1)))
  const breakSpace = chars.some((char, i) => isBreak(char) && at(i + 1) === ' ')
  const special = chars.some(char => !isPrintable(char))
  if (wanted === 'literal') return isKey || spaceBreak || special || at(last) === ' ' ? 'double' : 'literal'
  if (wanted === 'double' || (isKey && hasBreak) || special || spaceBreak || breakSpace) return 'double'
  const isPlain = !hasBreak && at(0) !== ' ' && at(last) !== ' ' && !hasIndicator(text, chars)
  return isPlain ? 'plain' : 'single'
}

/** Whether a character stands where it means something to YAML. */
function hasIndicator(text: string, chars: readonly string[]): boolean {
  if (text.startsWith('---') || text.startsWith('...')) return true
  return chars.some((char, i) => {
    const next = chars[i + 1]
    const isFollowed = next === undefined || isBlank(next)
    if (i === 0) return '#,[]{}&*!|>\'"%@`'.includes(char) || ('?:-'.includes(char) && isFollowed)
    return (char === ':' && isFollowed) || (char === '#' && (isBlank(chars[i - 1]) || isBreak(chars[i - 1])))
  })
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u2028': 'L',
  '\u2029': 'P',
}

function escaped(char: string): string {
  const known = ESCAPES[char]
  if (known !== undefined) return `\\${known}`
  const code = char.codePointAt(0) ?? 0
  const [letter, digits] = code <= 0xff ? ['x', 2] : code <= 0xffff ? ['u', 4] : (['U', 8] as const)
  return `\\${letter}${code.toString(16).toUpperCase().padStart(digits, '0')}`
}

/** As Go prints the shortest form of a float; whole numbers in full. */
function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value)
  const [digits = '', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power >= -4) return power < 21 ? String(value) : `${digits}e+${power}`
  return `${digits}e-${String(-power).padStart(2, '0')}`
}

const isLetter = (char: string) => /\p{L}/u.test(char)
const isDigit = (char: string | undefined) => char !== undefined && /\d/.test(char)

/** Numbers within names count as numbers, and letters come after everything else. */
export function compareNaturally(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const i = left.findIndex((char, at) => char !== right[at])
  if (i < 0) return left.length - right.length
  const [one, other] = [left[i] ?? '', right[i]]
  if (other === undefined) return 1
  const [isOne, isOther] = [isLetter(one), isLetter(other)]
  if (isOne && isOther) return one < other ? -1 : 1
  if (isOne || isOther) return isOther ? -1 : 1
  let ahead = ''
  // A zero within a number is no leading one.
  if (one === '0' || other === '0') for (let j = i - 1; isDigit(left[j]); j--) if (left[j] !== '0') ahead = '1'
  const number = (chars: readonly string[]) => {
    let end = i
    while (isDigit(chars[end])) end++
    return chars.slice(i, end).join('')
  }
  const [first, second] = [number(left), number(right)]
  const difference = Number(ahead + first) - Number(ahead + second)
  return difference || first.length - second.length || (one < other ? -1 : 1)
}

class Writer {
  text = ''
  #column = 0
  /** A space or the beginning of a line stands before. */
  #afterSpace = true
  /** Only indentation stands before in this line. */
  #atIndent = true

  write(value: unknown, indent: number, inMapping: boolean): void {
    if (Array.isArray(value)) this.#list(value, indent, inMapping)
    else if (typeof value === 'object' && value !== null) this.#mapping(value as Record<string, unknown>, indent)
    else if (typeof value === 'string') this.#string(value, indent, false)
    else this.#indicator(typeof value === 'number' ? numberText(value) : String(value ?? null), true)
  }

  end(): void {
    if (this.#column > 0) this.#put('\n')
  }

  #put(text: string): void {
    this.text += text
    this.#column = text === '\n' ? 0 : this.#column + [...text].length
  }

  #newLine(indent: number): void {
    if (!this.#atIndent || this.#column > indent || (this.#column === indent && !this.#afterSpace)) this.#put('\n')
    if (this.#column < indent) this.#put(' '.repeat(indent - this.#column))
    this.#afterSpace = true
    this.#atIndent = true
  }

  #indicator(text: string, needsSpace: boolean, isIndent = false): void {
    if (needsSpace && !this.#afterSpace) this.#put(' ')
    this.#put(text)
    this.#afterSpace = false
    this.#atIndent = this.#atIndent && isIndent
  }

  #list(items: readonly unknown[], outer: number, inMapping: boolean): void {
    if (items.length === 0) this.#indicator('[]', true)
    const indent = outer < 0 ? 0 : inMapping && !this.#atIndent ? outer : outer + INDENT
    for (const item of items) {
      this.#newLine(indent)
      this.#indicator('-', true, true)
      this.write(item, indent, false)
    }
  }

  #mapping(members: Readonly<Record<string, unknown>>, outer: number): void {
    const names = Object.keys(members).filter(name => members[name] !== undefined)
    if (names.length === 0) this.#indicator('{}', true)
    const indent = outer < 0 ? 0 : outer + INDENT
    for (const name of names.sort(compareNaturally)) {
      this.#newLine(indent)
      if (Buffer.byteLength(name) <= MOST_SIMPLE_KEY && ![...name].some(isBreak)) {
        this.#string(name, indent, true)
        this.#indicator(':', false)
      } else {
        this.#indicator('?', true, true)
        this.#string(name, indent, false)
        this.#newLine(indent)
        this.#indicator(':', true, true)
      }
      this.write(members[name], indent, true)
    }
  }

  #string(text: string, outer: number, isKey: boolean): void {
    const chars = [...text].map(char => (/^[\ud800-\udfff]$/.test(char) ? '\ufffd' : char))
    const style = styleOf(text, chars, isKey)
    const indent = outer < 0 ? INDENT : outer + INDENT
    if (style === 'literal') this.#literal(chars, indent)
    else this.#line(chars, indent, isKey, style)
  }

  #line(chars: readonly string[], indent: number, isKey: boolean, style: Exclude<Style, 'literal'>): void {
    const quote = style === 'plain' ? '' : style === 'single' ? "'" : '"'
    this.#indicator(quote, true)
    if (style === 'double') this.#doubleQuoted(chars, indent, isKey)
    else this.#folded(chars, indent, isKey, style === 'single')
    this.#put(quote)
    this.#afterSpace = false
    this.#atIndent = false
  }

  #folded(chars: readonly string[], indent: number, isKey: boolean, isQuoted: boolean): void {
    let spaces = false
    let breaks = false
    for (const [i, char] of chars.entries()) {
      if (char === ' ') {
        const isInside = !isQuoted || (i > 0 && i < chars.length - 1)
        if (!isKey && !spaces && this.#column > WIDTH && isInside && chars[i + 1] !== ' ') this.#newLine(indent)
        else this.#put(' ')
        spaces = true
      } else if (isBreak(char)) {
        this.#breakLine(char)
        breaks = true
      } else {
        if (breaks) this.#newLine(indent)
        this.#put(isQuoted && char === "'" ? "''" : char)
        this.#atIndent = false
        spaces = false
        breaks = false
      }
    }
  }

  #doubleQuoted(chars: readonly string[], indent: number, isKey: boolean): void {
    let spaces = false
    for (const [i, char] of chars.entries()) {
      const isSpace = char === ' '
      if (isSpace && !isKey && !spaces && this.#column > WIDTH && i > 0 && i < chars.length - 1) {
        this.#newLine(indent)
        if (chars[i + 1] === ' ') this.#put('\\')
      } else this.#put(!isPrintable(char) || isBreak(char) || char === '"' || char === '\\' ? escaped(char) : char)
      spaces = isSpace
    }
  }

  #breakLine(char: string): void {
    this.#put(char)
    this.#column = 0
    this.#atIndent = true
  }

  #literal(chars: readonly string[], indent: number): void {
    const last = chars.length - 1
    const hint = chars[0] === ' ' || isBreak(chars[0]) ? String(INDENT) : ''
    const chomp = !isBreak(chars[last]) ? '-' : last === 0 || isBreak(chars[last - 1]) ? '+' : ''
    this.#indicator(`|${hint}${chomp}`, true)
    this.#put('\n')
    this.#atIndent = true
    this.#afterSpace = true
    let breaks = true
    for (const char of chars) {
      if (isBreak(char)) {
        this.#breakLine(char)
        breaks = true
        continue
      }
      if (breaks) this.#newLine(indent)
      this.#put(char)
      this.#atIndent = false
      breaks = false
    }
  }
}

export function writeYaml(object: object): string {
  const writer = new Writer()
  writer.write(object, -1, false)
  writer.end()
  return writer.text
}
