// What a start is doing, for the person who waits: a live block of lines on a terminal, one line per event otherwise.

export interface Step {
  /** What it does now. */
  say(text: string): void
  done(text?: string): void
}

export interface Progress {
  step(name: string): Step
  /** A line of its own. */
  say(text: string): void
  /** Takes the live block off the screen. */
  close(): void
}

export interface ProgressOutput {
  write(text: string): void
  readonly isTerminal: boolean
  /** Milliseconds since the start. */
  elapsed(): number
}

export function progress(output: ProgressOutput): Progress {
  return output.isTerminal ? liveProgress(output) : plainProgress(output)
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`
}

function plainProgress({ write, elapsed }: ProgressOutput): Progress {
  const line = (text: string) => write(`[${seconds(elapsed()).padStart(6)}] ${text}\n`)
  return {
    step(name) {
      return {
        say: text => line(`${name}: ${text}`),
        done: (text = 'ready') => line(`${name}: ${text}`),
      }
    },
    say: text => line(text),
    close() {},
  }
}

const ESCAPE = '\x1b['
const dim = (text: string) => `${ESCAPE}2m${text}${ESCAPE}0m`
const green = (text: string) => `${ESCAPE}32m${text}${ESCAPE}0m`

function liveProgress({ write, elapsed }: ProgressOutput): Progress {
  const active = new Map<string, string>()
  let shown = 0
  const draw = (above = '') => {
    const back = shown > 0 ? `${ESCAPE}${shown}A${ESCAPE}J` : ''
    const block = [...active].map(([name, text]) => dim(`  · ${name}: ${text}`)).join('\n')
    shown = active.size
    write(`${back}${above}${block}${block ? '\n' : ''}`)
  }
  return {
    step(name) {
      const begun = elapsed()
      return {
        say(text) {
          active.set(name, text)
          draw()
        },
        done(text = 'ready') {
          active.delete(name)
          draw(`  ${green('✓')} ${name}: ${text} ${dim(seconds(elapsed() - begun))}\n`)
        },
      }
    },
    say: text => draw(`${text}\n`),
    close() {
      active.clear()
      draw()
    },
  }
}
