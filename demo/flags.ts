// The demo server's flags: --name value, --name=value, and --name alone for true, with one dash or two.
export interface Flags {
  readonly address: string
  readonly tlsAddress: string
  readonly tlsDir: string
  readonly drainSeconds: number
  readonly keygen: KeygenFlags
}

export interface KeygenFlags {
  readonly enable: boolean
  readonly exitOnComplete: boolean
  readonly exitCode: number
  /** 0: no limit. */
  readonly numToGen: number
  /** Seconds; 0: no limit. */
  readonly timeToRun: number
  readonly memqServer: string
  readonly memqQueue: string
}

export function parseFlags(argv: readonly string[]): Flags {
  const values = new Map<string, string>()
  for (let index = 0; index < argv.length; index++) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(argv[index]!)
    if (!match) throw new Error(`unknown argument ${argv[index]}`)
    const next = argv[index + 1]
    const takesNext = match[2] === undefined && next !== undefined && !next.startsWith('-')
    values.set(match[1]!, match[2] ?? (takesNext ? next : 'true'))
    if (takesNext) index++
  }
  const text = (name: string, otherwise: string) => values.get(name) ?? otherwise
  const number = (name: string, otherwise: number) => {
    const value = Number(text(name, String(otherwise)))
    if (!Number.isFinite(value)) throw new Error(`--${name} wants a number, not ${values.get(name)}`)
    return value
  }
  const yes = (name: string) => text(name, 'false') === 'true'
  return {
    address: text('address', ':8080'),
    tlsAddress: text('tls-address', ':8443'),
    tlsDir: text('tls-dir', '/tls'),
    drainSeconds: number('drain-seconds', 0),
    keygen: {
      enable: yes('keygen-enable'),
      exitOnComplete: yes('keygen-exit-on-complete'),
      exitCode: number('keygen-exit-code', 0),
      numToGen: number('keygen-num-to-gen', 0),
      timeToRun: number('keygen-time-to-run', 0),
      memqServer: text('keygen-memq-server', ''),
      memqQueue: text('keygen-memq-queue', ''),
    },
  }
}
