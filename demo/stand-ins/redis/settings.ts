// Settings as redis-server and redis-sentinel take them: a file of "name value..." lines, then --name value on the command line.
import { readFileSync } from 'node:fs'

/** The words after each name; of a name that stands there twice, the last. "sentinel" is a name of two words. */
export function readSettings(args: readonly string[]): Map<string, readonly string[]> {
  const [file] = args
  const fromFile = file === undefined || file.startsWith('-') ? [] : readFileSync(file, 'utf8').split('\n')
  const fromArguments = args
    .join(' ')
    .split(/(?:^| )--/)
    .slice(1)
  const settings = new Map<string, readonly string[]>()
  for (const line of [...fromFile, ...fromArguments]) {
    const [name = '', ...rest] = line.trim().split(/\s+/)
    if (name === '' || name.startsWith('#')) continue
    if (name === 'sentinel') settings.set(`sentinel ${rest[0]}`, rest.slice(1))
    else settings.set(name, rest)
  }
  return settings
}
