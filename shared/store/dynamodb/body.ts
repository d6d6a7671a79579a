// Objects as bytes: JSON under zstd. A log record packs an object together with the one it replaces, which differ little, so the
// second costs some 20 bytes. What is still too large for one item is cut into parts.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { KubeObject } from '../../apimachinery/types.ts'
import { TooLargeError } from '../types.ts'

/** Bytes of JSON of the largest object that is taken: kube-apiserver takes requests of up to 3 MB. */
export const LARGEST_OBJECT = 3 * 1024 * 1024

/** Bytes of the largest body inside an item, which may have 400 KB with keys and all. */
export const LARGEST_BODY = 350 * 1024

const small = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
/** The window must reach from one object back to the other. */
const large = { params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 23 } }

/** @throws TooLargeError */
export function refuseTooLarge(object: KubeObject): void {
  const size = Buffer.byteLength(JSON.stringify(object))
  if (size > LARGEST_OBJECT) throw new TooLargeError(size, LARGEST_OBJECT)
}

export function pack(object: KubeObject): Uint8Array {
  const json = Buffer.from(JSON.stringify(object))
  return zstdCompressSync(json, json.length > 100_000 ? large : small)
}

export function unpack(bytes: Uint8Array): KubeObject {
  return JSON.parse(zstdDecompressSync(bytes).toString()) as KubeObject
}

/** An object and the one before it; null stands for none. */
export type Pair = readonly [object: KubeObject, previous: KubeObject | null]

export function packPair(pair: Pair): Uint8Array {
  const json = Buffer.from(JSON.stringify(pair))
  return zstdCompressSync(json, json.length > 100_000 ? large : small)
}

export function unpackPair(bytes: Uint8Array): Pair {
  return JSON.parse(zstdDecompressSync(bytes).toString()) as Pair
}

export function cut(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let start = 0; start < bytes.length; start += LARGEST_BODY) parts.push(bytes.subarray(start, start + LARGEST_BODY))
  return parts
}
