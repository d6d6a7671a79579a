// One drill in a process of its own, with a seeded bug: `node run-drill.ts NUMBER PATIENCE`. The product's text is changed as it is loaded.
// Prints what the drill found, as JSON.
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { seededBugs } from './seeded-bugs.ts'

const root = join(import.meta.dirname, '../..')
const [number, patience] = process.argv.slice(2).map(Number)
const bug = seededBugs[number!]!
const urls = new Map(bug.changes.map(({ file }) => [pathToFileURL(join(root, file)).href, file]))

// What a bug makes the product do is what the drill is about; it decides how this ends.
process.on('unhandledRejection', () => {})

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    const file = urls.get(url)
    if (file === undefined) return loaded
    let source = Buffer.from(loaded.source as Uint8Array).toString()
    for (const { find, replace } of bug.changes.filter(change => change.file === file)) {
      const parts = source.split(find)
      if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for the seeded bug, not one: ${find}`)
      source = parts.join(replace)
    }
    urls.delete(url)
    return { ...loaded, source }
  },
})

const { drills } = await import('./drills.ts')
const drill = drills.find(({ name }) => name === bug.drill)
if (!drill) throw new Error(`there is no drill "${bug.drill}"`)
const found = await drill.run(patience!)
if (urls.size > 0) throw new Error(`nobody loads ${[...urls.values()]}`)
console.log(JSON.stringify(found))
process.exit(0)
