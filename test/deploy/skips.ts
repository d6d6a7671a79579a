// What only AWS itself can show: each test with the reason why the target of this run cannot, and what is done about it here. Reported by
// name when the suite ends.
import { test } from 'vitest'

const skipped: string[] = []

/** True where the target is somebody's emulator: everything but a named profile of a real account. */
export const emulated = !process.env.ZEROPLANE_DEPLOY_PROFILE

export function onAwsOnly(name: string, reason: string, run: () => Promise<void>, timeout: number): void {
  if (emulated) skipped.push(`  ${name}: ${reason}`)
  test.skipIf(emulated)(name, run, timeout)
}

export function reportSkipped(): void {
  if (skipped.length > 0) console.log(`Not run here, because the target is an emulator (docs/deploy.md):\n${skipped.join('\n')}`)
}
