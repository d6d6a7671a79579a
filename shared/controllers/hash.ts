// Short stable names for templates. Only uniqueness and stability matter to clients; the form is upstream's.
import { canonical } from './equality.ts'

const SAFE = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a over the UTF-8 bytes, 32 bits. */
export function fnv32a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** Digits and letters that spell no word and cannot be mistaken for each other. */
export const safeEncode = (text: string): string => [...text].map(c => SAFE[c.charCodeAt(0) % SAFE.length]).join('')

/** The same for equal values; another one for each number of collisions. */
export function hashOf(value: unknown, collisions = 0): string {
  return safeEncode(String(fnv32a(`${canonical(value)}${collisions === 0 ? '' : `/${collisions}`}`)))
}

/** So many characters that name the text, for names that two who make the same thing at once must agree on. */
export function suffixOf(text: string, length: number): string {
  let hash = fnv32a(text)
  let suffix = ''
  for (let i = 0; i < length; i++) {
    suffix += SAFE[hash % SAFE.length]
    hash = Math.floor(hash / SAFE.length)
  }
  return suffix
}
