// Bundles the Lambda functions and the gateway with esbuild, SDK included (its version is then ours, and start-up reads few files), minified, with
// source maps beside. What is imported lazily (credential providers that Lambda never uses, API descriptions) becomes chunks of its own. `node scripts/bundle.ts` prints the sizes; cdk/ and the size test call bundleFunctions().
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { build, type Metafile, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')

export const FUNCTIONS = ['api', 'dispatch', 'reconcile', 'tasks', 'tick'] as const
export type FunctionName = (typeof FUNCTIONS)[number]

export interface Bundle<N extends string = FunctionName> {
  readonly name: N
  /** The folder that becomes the function's code asset. */
  readonly directory: string
  /** Minified JavaScript that a cold start reads: the entry and what it imports at once. Bytes, without source maps. */
  readonly bytes: number
  readonly metafile: Metafile
}

/** CommonJS packages inside an ES module bundle ask for require(). */
const REQUIRE = "import{createRequire as zpRequire}from'node:module';const require=zpRequire(import.meta.url);"

export async function bundleFunctions(out = join(root, 'dist/functions'), names: readonly FunctionName[] = FUNCTIONS): Promise<Bundle[]> {
  return await Promise.all(
    names
      .map(name => ({ name, entry: join(root, 'functions', name, 'handler.ts') }))
      .filter(({ entry }) => existsSync(entry))
      .map(({ name, entry }) => bundle(name, entry, join(out, name))),
  )
}

/** The gateway's program: `node index.mjs` in this folder (docs/gateway.md). */
export async function bundleGateway(out = join(root, 'dist/gateway')): Promise<Bundle<'gateway'>> {
  return await bundle('gateway', join(root, 'gateway/main.ts'), out)
}

/** The description of every API type is text that packs to a seventh; unpacking it costs a millisecond, reading all of it more. */
const packSchema: Plugin = {
  name: 'pack-schema',
  setup({ onLoad }) {
    onLoad({ filter: /apimachinery\/schema\/generated\.ts$/ }, async ({ path }) => {
      const { MODULES } = (await import(path)) as { MODULES: Record<string, string> }
      const packed = brotliCompressSync(JSON.stringify(MODULES)).toString('base64')
      return {
        contents: `import { brotliDecompressSync } from 'node:zlib'
export const MODULES = JSON.parse(brotliDecompressSync(Buffer.from('${packed}', 'base64')).toString())`,
        loader: 'js',
      }
    })
  },
}

async function bundle<N extends string>(name: N, entry: string, directory: string): Promise<Bundle<N>> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: directory,
    entryNames: 'index',
    chunkNames: 'chunk-[hash]',
    outExtension: { '.js': '.mjs' },
    splitting: true,
    bundle: true,
    minify: true,
    keepNames: false,
    sourcemap: 'linked',
    sourcesContent: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    conditions: ['module'],
    banner: { js: REQUIRE },
    // Larger data files that a request seldom needs (API descriptions) stay files beside the bundle.
    loader: { '.gz': 'copy', '.zst': 'copy', '.br': 'copy', '.bin': 'copy' },
    plugins: [packSchema],
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  })
  return { name, directory, bytes: readAtStart(metafile).reduce((sum, [, { bytes }]) => sum + bytes, 0), metafile }
}

type Output = Metafile['outputs'][string]

/** The entry and every chunk that is imported statically from it. */
function readAtStart({ outputs }: Metafile): [path: string, Output][] {
  const entry = Object.keys(outputs).find(path => path.endsWith('/index.mjs'))
  const found = new Set<string>()
  const visit = (path: string | undefined) => {
    if (!path || found.has(path) || !outputs[path]) return
    found.add(path)
    for (const { path: next, kind } of outputs[path].imports) if (kind === 'import-statement') visit(next)
  }
  visit(entry)
  return [...found].map(path => [path, outputs[path]!])
}

/** The largest packages or folders that a cold start reads, for a person who wants to know where the bytes went. */
export function largestInputs({ metafile }: Pick<Bundle, 'metafile'>, count = 12): [place: string, bytes: number][] {
  const sums = new Map<string, number>()
  for (const [, output] of readAtStart(metafile)) {
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const place = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path.split('/').slice(0, 3).join('/')
      sums.set(place, (sums.get(place) ?? 0) + bytesInOutput)
    }
  }
  return [...sums].sort((a, b) => b[1] - a[1]).slice(0, count)
}

if (import.meta.main) {
  for (const bundled of [...(await bundleFunctions()), await bundleGateway()]) {
    console.log(`${bundled.name.padEnd(10)} ${(bundled.bytes / 1024).toFixed(0).padStart(6)} KiB`)
    for (const [place, bytes] of largestInputs(bundled))
      console.log(`${''.padEnd(13)}${(bytes / 1024).toFixed(0).padStart(5)} KiB  ${place}`)
  }
}
