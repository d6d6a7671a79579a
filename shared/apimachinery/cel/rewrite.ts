// What the interpreter's parser does not know of CEL, written as calls of macros that it has (libraries/literals.ts):
//
//   Object.spec{replicas: 2, ?paused: x}   __message__("Object.spec", {"replicas": 2, "paused": __optional__(x)})
//   {'a': 1, ?'b': x}                      __map__({'a': 1, 'b': __optional__(x)})
//   [1, ?x]                                __list__([1, __optional__(x)])
//   has(a.b[0].c)                          __has__(a.b[0].c)

export interface Rewritten {
  readonly text: string
  /** Types that messages are made of: "Object.spec". */
  readonly types: ReadonlySet<string>
  /** Where in the original text an offset of the new one lies. */
  original(offset: number): number
  /** Upstream's set of what may stand there, when the text ends inside a message. */
  readonly expected: string | undefined
}

interface Piece {
  text: string
  readonly at: number
  /** Every character of it stands in the original. */
  readonly verbatim: boolean
}

interface Frame {
  readonly kind: 'message' | 'map' | 'list' | 'other'
  /** Its opening bracket among the pieces. */
  readonly piece: number
  /** Before the first token of an entry. */
  fresh: boolean
  /** In a message or map: before the colon. */
  inKey: boolean
  isOptional: boolean
  hasOptional: boolean
  /** Ternaries that wait for their colon. */
  ternaries: number
}

const SPACE = /(?:\s|\/\/[^\n]*)+/y
const STRING = /[rRbB]{0,2}(?:"""(?:\\[\s\S]|[^\\])*?"""|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/y
const NAME = /[A-Za-z_]\w*/y
const NUMBER = /\d\w*(?:\.\d\w*)?/y
const KEYWORDS = new Set(['in', 'true', 'false', 'null'])
/** has() of what the interpreter's own can take. */
const PLAIN_HAS = /\(\s*[\w.?\s]+\)/y

/** Nothing to do in nearly all expressions: no brace after a name, no optional entry, no has() of more than a path. */
const WORTH_IT = /\w\s*\{|[{[,]\s*\?|\bhas\s*\([^)]*[[({]/

const same = (offset: number) => offset
const NONE: ReadonlySet<string> = new Set()

export function rewrite(text: string): Rewritten {
  if (!WORTH_IT.test(text)) return { text, types: NONE, original: same, expected: undefined }
  return new Rewriter(text).run()
}

class Rewriter {
  readonly #text: string
  readonly #pieces: Piece[] = []
  readonly #frames: Frame[] = [frame('other', 0)]
  readonly #types = new Set<string>()
  /** The last token that is no space. */
  #last = ''
  #lastKind: 'name' | 'value' | 'mark' = 'mark'
  /** A.b.c, as far as it goes, and the piece that it begins with. */
  #path: { name: string; readonly piece: number } | undefined

  constructor(text: string) {
    this.#text = text
  }

  run(): Rewritten {
    const text = this.#text
    let token = ''
    const isNext = (pattern: RegExp, at: number) => {
      token = matchAt(pattern, text, at)
      return token !== ''
    }
    for (let at = 0; at < text.length; at += token.length) {
      if (isNext(SPACE, at)) this.#copy(token, at)
      else if (isNext(STRING, at) || isNext(NUMBER, at)) this.#value(token, at)
      else if (isNext(NAME, at)) this.#name(token, at)
      else {
        token = text[at] as string
        this.#mark(token, at)
      }
    }
    return this.#result()
  }

  get #frame(): Frame {
    return this.#frames.at(-1) as Frame
  }

  #copy(text: string, at: number): void {
    this.#pieces.push({ text, at, verbatim: true })
  }

  /** Not in the original; stands for what is there at `at`. */
  #insert(text: string, at: number): void {
    this.#pieces.push({ text, at, verbatim: false })
  }

  #token(text: string, at: number, kind: 'name' | 'value' | 'mark'): void {
    this.#copy(text, at)
    this.#last = text
    this.#lastKind = kind
    this.#frame.fresh = false
  }

  #value(text: string, at: number): void {
    this.#path = undefined
    this.#token(text, at, 'value')
  }

  #name(text: string, at: number): void {
    const top = this.#frame
    if (top.kind === 'message' && top.inKey) {
      this.#replace(text, JSON.stringify(text), at)
      return
    }
    if (KEYWORDS.has(text)) {
      this.#path = undefined
      this.#token(text, at, text === 'in' ? 'mark' : 'value')
      return
    }
    if (this.#last === '.') this.#path = this.#path && { ...this.#path, name: `${this.#path.name}.${text}` }
    else this.#path = { name: text, piece: this.#pieces.length }
    if (text === 'has' && this.#last !== '.' && this.#opensHard(at + text.length)) this.#replace(text, '__has__', at)
    else this.#token(text, at, 'name')
  }

  #replace(name: string, by: string, at: number): void {
    this.#insert(by, at)
    this.#last = name
    this.#lastKind = 'name'
    this.#frame.fresh = false
  }

  #opensHard(at: number): boolean {
    const start = at + matchAt(SPACE, this.#text, at).length
    return this.#text[start] === '(' && matchAt(PLAIN_HAS, this.#text, start) === ''
  }

  #mark(text: string, at: number): void {
    const top = this.#frame
    const path = this.#path
    if (text !== '.') this.#path = undefined
    switch (text) {
      case '{':
        this.#openBrace(path, at)
        return
      case '[': {
        const isIndex = this.#lastKind !== 'mark' || [')', ']', '}'].includes(this.#last)
        this.#token(text, at, 'mark')
        this.#frames.push(frame(isIndex ? 'other' : 'list', this.#pieces.length - 1))
        return
      }
      case '(':
        this.#token(text, at, 'mark')
        this.#frames.push(frame('other', this.#pieces.length - 1))
        return
      case '}':
      case ']':
      case ')':
        this.#close(text, at)
        return
      case ',':
        if (top.isOptional) this.#insert(')', at)
        this.#token(text, at, 'mark')
        Object.assign(top, { fresh: true, inKey: true, isOptional: false })
        return
      case '?':
        this.#question(top, at)
        return
      case ':':
        this.#token(text, at, 'mark')
        if (top.ternaries > 0) top.ternaries--
        else if (top.kind === 'message' || top.kind === 'map') {
          top.inKey = false
          if (top.isOptional) this.#insert('__optional__(', at)
        }
        return
      default:
        this.#token(text, at, 'mark')
    }
  }

  #openBrace(path: { name: string; readonly piece: number } | undefined, at: number): void {
    if (path === undefined || this.#lastKind !== 'name') {
      this.#token('{', at, 'mark')
      this.#frames.push(frame('map', this.#pieces.length - 1))
      return
    }
    const start = this.#pieces[path.piece]?.at ?? at
    this.#pieces.length = path.piece
    this.#types.add(path.name)
    this.#insert(`__message__(${JSON.stringify(path.name)}, `, start)
    this.#token('{', at, 'mark')
    this.#frames.push(frame('message', this.#pieces.length - 1))
  }

  #question(top: Frame, at: number): void {
    const begins = top.fresh && top.kind !== 'other'
    // a.?b and a[?b] the interpreter knows.
    if (!begins) {
      if (this.#last !== '.' && !(top.kind === 'other' && top.fresh)) top.ternaries++
      this.#token('?', at, 'mark')
      return
    }
    this.#last = '?'
    this.#lastKind = 'mark'
    top.isOptional = true
    top.hasOptional = true
    if (top.kind === 'list') this.#insert('__optional__(', at)
  }

  #close(text: string, at: number): void {
    const top = this.#frames.length > 1 ? (this.#frames.pop() as Frame) : this.#frame
    if (top.isOptional) this.#insert(')', at)
    this.#token(text, at, 'mark')
    const wrapper = top.kind === 'map' ? '__map__(' : top.kind === 'list' ? '__list__(' : ''
    const opening = this.#pieces[top.piece]
    if (top.kind === 'message') this.#insert(')', at)
    else if (top.hasOptional && wrapper !== '' && opening !== undefined) {
      this.#pieces[top.piece] = { text: `${wrapper}${opening.text}`, at: opening.at, verbatim: false }
      this.#insert(')', at)
    }
  }

  #result(): Rewritten {
    const starts: number[] = []
    let length = 0
    for (const { text } of this.#pieces) {
      starts.push(length)
      length += text.length
    }
    const pieces = this.#pieces
    const end = this.#text.length
    return {
      text: pieces.map(piece => piece.text).join(''),
      types: this.#types,
      expected: this.#expected(),
      original(offset) {
        const index = starts.findLastIndex(start => start <= offset)
        const piece = pieces[index]
        if (piece === undefined || offset >= length) return end
        return piece.verbatim ? piece.at + offset - (starts[index] as number) : piece.at
      },
    }
  }

  #expected(): string | undefined {
    const top = this.#frame
    if (top.kind !== 'message') return undefined
    if (!top.inKey) return this.#lastKind !== 'mark' || [')', ']', '}'].includes(this.#last) ? "{'}', ','}" : undefined
    if (this.#lastKind === 'name') return "':'"
    if (this.#last === '?') return '{IDENTIFIER, ESC_IDENTIFIER}'
    return this.#last === ',' ? "{'}', '?', IDENTIFIER, ESC_IDENTIFIER}" : "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}"
  }
}

const frame = (kind: Frame['kind'], piece: number): Frame => ({
  kind,
  piece,
  fresh: true,
  inKey: true,
  isOptional: false,
  hasOptional: false,
  ternaries: 0,
})

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}
