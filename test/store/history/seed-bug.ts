// A copy of shared/store with one bug in it, loaded beside the original.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededBug } from './seeded-bugs.ts'
import type { Implementation } from './simulated.ts'

const root = join(import.meta.dirname, '../../..')

/** The folder must be inside the repository, where packages are found. */
export async function withBug<T>({ file, find, replace }: SeededBug, use: (implementation: Implementation) => Promise<T>): Promise<T> {
  const parent = join(root, 'test/store/.seeded')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'bug-'))
  try {
    mkdirSync(join(folder, 'shared'))
    cpSync(join(root, 'shared/store'), join(folder, 'shared/store'), { recursive: true })
    for (const beside of ['apimachinery', 'api', 'clock.ts']) symlinkSync(join(root, 'shared', beside), join(folder, 'shared', beside))
    const path = join(folder, 'shared/store', file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for the seeded bug, not one: ${find}`)
    writeFileSync(path, parts.join(replace))
    const { DynamoStore } = (await import(join(folder, 'shared/store/dynamodb/store.ts'))) as Pick<Implementation, 'DynamoStore'>
    const { StoreInformer } = (await import(join(folder, 'shared/store/informer.ts'))) as Pick<Implementation, 'StoreInformer'>
    return await use({ DynamoStore, StoreInformer })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
