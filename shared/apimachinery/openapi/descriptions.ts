// What types and fields are for. Unpacked when OpenAPI is asked for the first time.
import { brotliDecompressSync } from 'node:zlib'
import { OWN_DESCRIPTIONS } from './own-descriptions.ts'

export type Descriptions = Readonly<Record<string, readonly [type: string, fields: Readonly<Record<string, string>>]>>

let unpacked: Promise<Descriptions> | undefined

export function loadDescriptions(): Promise<Descriptions> {
  unpacked ??= import('./generated/descriptions.ts').then(
    ({ DESCRIPTIONS }) =>
      ({ ...JSON.parse(brotliDecompressSync(Buffer.from(DESCRIPTIONS, 'base64')).toString()), ...OWN_DESCRIPTIONS }) as Descriptions,
  )
  return unpacked
}
