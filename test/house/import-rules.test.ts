// The import rules of docs/architecture.md are lint rules. This plays each against a file that breaks it, and its neighbour that does not.
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

const FORBIDDEN = [
  ['shared/controllers/a.ts', '@aws-sdk/client-ecs'],
  ['shared/controllers/b.ts', '../aws/ecs.ts'],
  ['shared/scheduling/a.ts', '../store/dynamodb/table.ts'],
  ['shared/pods/launch/a.ts', '../../aws/environment.ts'],
  ['shared/store/a.ts', '@aws-sdk/client-dynamodb'],
  ['shared/apimachinery/a.ts', '../resources/index.ts'],
  ['shared/apimachinery/verbs/b.ts', '../../controllers/types.ts'],
  ['shared/resources/core/a.ts', '../../store/types.ts'],
  ['shared/aws/a.ts', '../../cdk/stack.ts'],
  ['shared/pipeline/a.ts', '../../functions/api/handler.ts'],
  ['functions/api/a.ts', '../../localstack/aws/index.ts'],
  ['functions/api/b.ts', '@aws-sdk/client-dynamodb'],
  ['agent/a.ts', '../functions/tasks/handler.ts'],
  ['gateway/a.ts', '../functions/api/app.ts'],
  ['gateway/b.ts', '@aws-sdk/client-dynamodb'],
  ['localstack/a.ts', '../test/store/suite.ts'],
] as const

const ALLOWED = [
  ['shared/controllers/c.ts', '../store/types.ts'],
  ['shared/apimachinery/c.ts', '../store/types.ts'],
  ['shared/resources/core/c.ts', '../../apimachinery/types.ts'],
  ['shared/aws/c.ts', '@aws-sdk/client-ecs'],
  ['shared/store/dynamodb/c.ts', '@aws-sdk/client-dynamodb'],
  ['functions/api/c.ts', '../../shared/aws/environment.ts'],
  ['gateway/c.ts', '../shared/aws/environment.ts'],
  ['localstack/c.ts', '../functions/api/handler.ts'],
] as const

test('the linter refuses imports that the rules forbid, and only those', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zeroplane-rules-'))
  try {
    cpSync(join(root, 'biome.json'), join(folder, 'biome.json'))
    for (const [file, specifier] of [...FORBIDDEN, ...ALLOWED]) {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      writeFileSync(join(folder, file), `import { a } from '${specifier}'\n\nconsole.log(a)\n`)
    }
    const refused = lint(folder)
    expect(refused).toEqual(FORBIDDEN.map(([file]) => file).sort())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

function lint(folder: string): string[] {
  const options: ExecFileSyncOptionsWithStringEncoding = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
  let output: string
  try {
    output = execFileSync(join(root, 'node_modules/.bin/biome'), ['lint', '--only=noRestrictedImports', '--reporter=json', '.'], options)
  } catch (error) {
    output = (error as { stdout: string }).stdout
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { location: { path: string } }[] }
  return diagnostics.map(({ location }) => location.path).sort()
}
