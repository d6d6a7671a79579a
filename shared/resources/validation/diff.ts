// What changed where nothing may: a unified diff of the two as indented JSON, as upstream appends it to its refusal.

const CONTEXT = 3

/** "" when both are the same. */
export function diffText(old: unknown, current: unknown): string {
  const a = lines(old)
  const b = lines(current)
  const edits = compare(a, b)
  let text = ''
  for (let i = 0; i < edits.length; ) {
    if (edits[i]?.kind === ' ') {
      i++
      continue
    }
    const start = Math.max(0, i - CONTEXT)
    let end = i
    // A hunk ends where twice the context is unchanged.
    for (let same = 0; end < edits.length && same <= 2 * CONTEXT; end++) same = edits[end]?.kind === ' ' ? same + 1 : 0
    while (end > 0 && edits[end - 1]?.kind === ' ') end--
    end = Math.min(edits.length, end + CONTEXT)
    text += hunk(edits.slice(start, end))
    i = end
  }
  return text
}

interface Edit {
  readonly kind: ' ' | '-' | '+'
  readonly line: string
  readonly a: number
  readonly b: number
}

const lines = (value: unknown) => `${JSON.stringify(value, null, 1) ?? 'null'}`.split('\n')

/** Longest common subsequence; the parts before and after the change cost nothing. */
function compare(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const left = a.slice(head, a.length - tail)
  const right = b.slice(head, b.length - tail)
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1))
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      (lengths[i] as Uint32Array)[j] =
        left[i] === right[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!)
  const edits: Edit[] = a.slice(0, head).map((line, i) => ({ kind: ' ', line, a: i, b: i }))
  let i = 0
  let j = 0
  while (i < left.length || j < right.length) {
    const at = { a: head + i, b: head + j }
    if (i < left.length && j < right.length && left[i] === right[j]) {
      edits.push({ kind: ' ', line: left[i] as string, ...at })
      i++
      j++
    } else if (i < left.length && (j === right.length || lengths[i + 1]![j]! >= lengths[i]![j + 1]!))
      edits.push({ kind: '-', line: left[i++] as string, ...at })
    else edits.push({ kind: '+', line: right[j++] as string, ...at })
  }
  for (let k = 0; k < tail; k++)
    edits.push({ kind: ' ', line: a[a.length - tail + k] as string, a: a.length - tail + k, b: b.length - tail + k })
  return edits
}

function hunk(edits: readonly Edit[]): string {
  const count = (other: '-' | '+') => edits.filter(edit => edit.kind !== other).length
  const range = (start: number, length: number) => (length === 1 ? `${start + 1}` : `${length === 0 ? start : start + 1},${length}`)
  const first = edits[0] as Edit
  const head = `@@ -${range(first.a, count('+'))} +${range(first.b, count('-'))} @@\n`
  return head + edits.map(({ kind, line }) => `${kind}${line}\n`).join('')
}
