// Lists of indexes as Jobs write them: "1,3-5,7" (pkg/apis/batch/validation).

interface Interval {
  readonly first: number
  readonly last: number
}

class IndexError extends Error {}

function integer(text: string, completions: number): number {
  if (!/^[+-]?\d+$/.test(text)) throw new IndexError(`cannot convert string to integer for index: ${JSON.stringify(text)}`)
  const index = Number(text)
  if (index >= completions) throw new IndexError(`too large index: ${JSON.stringify(text)}`)
  return index
}

function interval(text: string, completions: number): Interval {
  const [from = '', to, ...rest] = text.split('-')
  if (rest.length > 0) {
    const why = "violates the requirement that an index interval can have at most two parts separated by '-'"
    throw new IndexError(`the fragment ${JSON.stringify(text)} ${why}`)
  }
  const first = integer(from, completions)
  if (to === undefined) return { first, last: first }
  const last = integer(to, completions)
  if (first >= last) throw new IndexError(`non-increasing order, previous: ${first}, current: ${last}`)
  return { first, last }
}

/** How many indexes there are, or what is wrong with the text. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0
  let total = 0
  let previous: number | undefined
  try {
    for (const part of text.split(',')) {
      const { first, last } = interval(part, completions)
      if (previous !== undefined && previous >= first) return `non-increasing order, previous: ${previous}, current: ${first}`
      total += last - first + 1
      previous = last
    }
  } catch (error) {
    if (error instanceof IndexError) return error.message
    throw error
  }
  return total
}

function readable(text: string, completions: number): readonly Interval[] {
  return text.split(',').flatMap(part => {
    try {
      return [interval(part, completions)]
    } catch {
      return []
    }
  })
}

/** The first index that is in both; what cannot be read counts as absent. */
export function overlap(a: string, b: string, completions: number): number | undefined {
  if (a === '' || b === '') return undefined
  const left = readable(a, completions)
  const right = readable(b, completions)
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    const one = left[i] as Interval
    const other = right[j] as Interval
    if (one.first <= other.last && other.first <= one.last) return Math.max(one.first, other.first)
    if (one.first <= other.first) i++
    else j++
  }
  return undefined
}
