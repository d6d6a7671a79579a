// The Java runtime that DynamoDB Local runs on.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HostError } from '../host-error.ts'
import { findProgram, install, mayInstall, run } from './packages.ts'

const OLDEST = 17

/** Path of a java binary that is new enough; installed first where that is ours to do. @throws HostError */
export async function ensureJava(say: (text: string) => void): Promise<string> {
  const found = await findJava()
  if (found) return found
  if (!mayInstall()) {
    throw new HostError(
      `DynamoDB Local needs Java ${OLDEST} or newer, and there is none (java in PATH or JAVA_HOME). Install a Java ${OLDEST} runtime, or start with --store memory, which keeps nothing.`,
    )
  }
  say(`installing a Java ${OLDEST} runtime with apt-get`)
  await install([['openjdk-17-jre-headless'], ['openjdk-21-jre-headless'], ['default-jre-headless']])
  const installed = await findJava()
  if (!installed) throw new HostError(`apt-get installed a Java runtime, but none of version ${OLDEST} or newer is found in PATH`)
  return installed
}

async function findJava(): Promise<string | undefined> {
  const candidates = [process.env.JAVA_HOME && join(process.env.JAVA_HOME, 'bin', 'java'), findProgram('java')]
  for (const path of candidates) {
    if (path && existsSync(path) && (await majorVersion(path)) >= OLDEST) return realpathSync(path)
  }
  return undefined
}

/** 0 when it cannot be told. */
async function majorVersion(java: string): Promise<number> {
  // The file beside the runtime spares us starting a virtual machine for its version.
  const release = join(dirname(dirname(realpathSync(java))), 'release')
  const known = existsSync(release) ? /^JAVA_VERSION="(\d+)/m.exec(readFileSync(release, 'utf8')) : null
  if (known) return Number(known[1])
  const { output } = await run([java, '-version'])
  return Number(/version "(\d+)/.exec(output)?.[1] ?? 0)
}
