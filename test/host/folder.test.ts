import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serverCertificate } from '../../localstack/host/certificates.ts'
import { openDataFolder } from '../../localstack/host/data-folder.ts'
import { parseStartFlags } from '../../localstack/host/flags.ts'
import { progress } from '../../localstack/host/progress.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zeroplane-host-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the data folder', () => {
  test('keeps its identity, also when it is emptied', () => {
    const dir = join(folder, 'data')
    const first = openDataFolder(dir, { fresh: false })
    writeFileSync(first.path('kubeconfig'), 'x')
    first.release()
    const second = openDataFolder(dir, { fresh: false })
    expect(second.id).toBe(first.id)
    expect(readFileSync(second.path('kubeconfig'), 'utf8')).toBe('x')
    second.release()
    const fresh = openDataFolder(dir, { fresh: true })
    expect(fresh.id).toBe(first.id)
    expect(readdirSync(dir).sort()).toEqual(['zeroplane.json', 'zeroplane.pid'])
  })

  test('a pid file of a process that is gone does not keep anybody out', () => {
    const dir = join(folder, 'data')
    openDataFolder(dir, { fresh: false }).release()
    writeFileSync(join(dir, 'zeroplane.pid'), '999999999\n')
    openDataFolder(dir, { fresh: false }).release()
    expect(existsSync(join(dir, 'zeroplane.pid'))).toBe(false)
  })

  test('of a newer version, or damaged, is left alone', () => {
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'zeroplane.json'), '{"format":99,"id":"x"}')
    expect(() => openDataFolder(join(folder, 'data'), { fresh: true })).toThrow(/newer version/)
    writeFileSync(join(folder, 'data', 'zeroplane.json'), '{"format":')
    expect(() => openDataFolder(join(folder, 'data'), { fresh: true })).toThrow(/cannot read/)
  })
})

describe('the certificate', () => {
  const DAY = 86_400_000
  const names = ['localhost', '127.0.0.1', 'kubernetes.default.svc']

  test('is kept while it serves, signed anew for another name or before it ends, always by the same authority', async () => {
    const now = Date.now()
    const first = await serverCertificate(folder, names, now)
    const certificate = new X509Certificate(first.cert)
    expect(certificate.verify(new X509Certificate(first.ca).publicKey)).toBe(true)
    expect(certificate.checkIP('127.0.0.1')).toBeDefined()
    expect(certificate.checkHost('kubernetes.default.svc')).toBeDefined()
    expect(await serverCertificate(folder, names, now + DAY)).toEqual(first)
    const other = await serverCertificate(folder, [...names, '172.18.0.1'], now)
    expect(other.cert).not.toBe(first.cert)
    expect(other.ca).toBe(first.ca)
    const renewed = await serverCertificate(folder, names, now + 800 * DAY)
    expect(renewed.cert).not.toBe(other.cert)
    expect(renewed.ca).toBe(first.ca)
  })
})

describe('flags', () => {
  test('have the defaults that docs/local.md says', () => {
    expect(parseStartFlags([], '/somewhere')).toEqual({
      apiPort: 6443,
      awsPort: 4566,
      dataDir: '/somewhere/.zeroplane',
      fresh: false,
      nodes: 3,
      ecs: 'docker',
      store: 'dynamodb',
      serviceCidr: '127.128.0.0/9',
      controllers: true,
      legacyApis: true,
      detach: false,
    })
  })

  test('are read', () => {
    const flags = [
      '--port',
      '1',
      '--aws-port=2',
      '--data',
      '/d',
      '--fresh',
      '--nodes',
      '0',
      '--ecs',
      'simulated',
      '--store',
      'memory',
      '--service-cidr',
      '10.0.0.0/16',
      '--no-controllers',
      '--detach',
    ]
    expect(parseStartFlags(flags, '/')).toEqual({
      apiPort: 1,
      awsPort: 2,
      dataDir: '/d',
      fresh: true,
      nodes: 0,
      ecs: 'simulated',
      store: 'memory',
      serviceCidr: '10.0.0.0/16',
      controllers: false,
      legacyApis: false,
      detach: true,
    })
  })

  test('serve the versions of 2018 with a whole cluster, or as told', () => {
    const legacy = (...flags: string[]) => parseStartFlags(flags, '/').legacyApis
    expect(legacy('--no-controllers')).toBe(false)
    expect(legacy('--no-controllers', '--legacy-apis')).toBe(true)
    expect(legacy('--no-legacy-apis')).toBe(false)
  })
})

describe('progress', () => {
  const played = (isTerminal: boolean) => {
    let text = ''
    const shown = progress({
      write: part => {
        text += part
      },
      isTerminal,
      elapsed: () => 1234,
    })
    const java = shown.step('Java')
    java.say('installing')
    shown.step('Docker').say('looking')
    java.done()
    shown.close()
    return text
  }

  test('is one line per event where there is no terminal', () => {
    expect(played(false)).toBe('[  1.2s] Java: installing\n[  1.2s] Docker: looking\n[  1.2s] Java: ready\n')
  })

  test('is a live block on a terminal, of which only what is done stays', () => {
    const text = played(true)
    expect(text).toContain('\x1b[')
    expect(text).toContain('Java: ready')
    expect(text.slice(text.lastIndexOf('\x1b[J'))).not.toContain('looking')
  })
})
