// CloudWatch Logs' filter patterns over unstructured text: terms that must all occur, "?term" of which one must, "-term" that must not,
// quoted phrases, and %regular expressions%. Patterns over JSON fields are refused rather than misread.
import { AwsError } from '../errors.ts'

export type Filter = (message: string) => boolean

/** @throws AwsError InvalidParameterException */
export function compileFilter(pattern: string | undefined): Filter {
  const text = pattern?.trim() ?? ''
  if (text === '') return () => true
  if (text.startsWith('{') || text.startsWith('[')) {
    throw new AwsError(
      'InvalidParameterException',
      'Invalid filter pattern: the local AWS takes patterns of terms, not of JSON fields or columns',
    )
  }
  const all: Filter[] = []
  const any: Filter[] = []
  const none: Filter[] = []
  for (const [, sign = '', phrase, regex, word] of text.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|(\S+))/g)) {
    const term = phrase?.replace(/\\(.)/g, '$1') ?? word ?? ''
    const test: Filter = regex === undefined ? message => message.includes(term) : regularExpression(regex)
    if (sign === '?') any.push(test)
    else if (sign === '-') none.push(test)
    else all.push(test)
  }
  return message =>
    all.every(test => test(message)) && !none.some(test => test(message)) && (any.length === 0 || any.some(test => test(message)))
}

function regularExpression(text: string): Filter {
  let expression: RegExp
  try {
    expression = new RegExp(text)
  } catch {
    throw new AwsError('InvalidParameterException', `Invalid filter pattern: ${text} is not a regular expression`)
  }
  return message => expression.test(message)
}
