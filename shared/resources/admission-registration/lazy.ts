/** Rules that are a chunk of their own: loaded before the first write of a kind, and there from then on. */
export function lazyRules<T>(importModule: () => Promise<T>): { load(): Promise<void>; loaded(): T } {
  let module: T | undefined
  return {
    async load() {
      module ??= await importModule()
    },
    loaded() {
      if (module === undefined) throw new Error('rules are used before load() was awaited')
      return module
    },
  }
}
