// What types and fields are for. Unpacked when OpenAPI is asked for the first time.
import { brotliDecompressSync } from 'node:zlib'

export type Descriptions = Readonly<Record<string, readonly [type: string, fields: Readonly<Record<string, string>>]>>

let unpacked: Promise<Descriptions> | undefined

export function loadDescriptions(): Promise<Descriptions> {
  unpacked ??= unpack()
  return unpacked
}

async function unpack(): Promise<Descriptions> {
  const [{ DESCRIPTIONS }, { OWN_DESCRIPTIONS }] = await Promise.all([
    import('./generated/descriptions.ts'),
    import('./own-descriptions.ts'),
  ])
  const upstream = JSON.parse(brotliDecompressSync(Buffer.from(DESCRIPTIONS, 'base64')).toString()) as Descriptions
  return { ...upstream, ...OWN_DESCRIPTIONS }
}
