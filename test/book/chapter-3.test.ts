// Labels and annotations.
import { expect } from 'vitest'
import { chapter, eventually, type Reader } from './book.ts'

const { row } = chapter(3)

const FOUR = [
  ['alpaca-prod', 'ver: "1", app: alpaca, env: prod', 2],
  ['alpaca-test', 'ver: "2", app: alpaca, env: test', 1],
  ['bandicoot-prod', 'ver: "2", app: bandicoot, env: prod', 2],
  ['bandicoot-staging', 'ver: "2", app: bandicoot, env: staging', 1],
] as const

/** The book's `run --labels` made Deployments. Nobody starts their pods here: it is labels that are looked at. */
const deployments = FOUR.map(
  ([name, labels, replicas]) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: {${labels}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {${labels}}}
  template:
    metadata: {labels: {${labels}}}
    spec:
      schedulerName: nobody
      containers: [{name: ${name}, image: "gcr.io/kuar-demo/kuard-amd64:1"}]
`,
).join('---\n')

async function begin(reader: Reader): Promise<void> {
  expect(await reader.apply(deployments)).toBe(FOUR.map(([name]) => `deployment.apps/${name} created\n`).join(''))
  await eventually('six pods are there', async () => (await reader.pods()).length === 6)
  await eventually('all are counted', async () => (await reader.lines('get deployments')).every(line => /^\S+ +0\/(\d) +\1 /.test(line)))
}

const names = async (reader: Reader, selector: string) =>
  (await reader.kubectl(`get deployments ${selector} -o name`))
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(name => name.split('/')[1])
    .sort()

row('labels are shown, as columns too, and selected by', async reader => {
  await begin(reader)
  expect(await reader.kubectl('get deployments --show-labels')).toMatch(
    /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +LABELS\nalpaca-prod +0\/2 +2 +0 +\S+ +app=alpaca,env=prod,ver=1\n/,
  )
  const columns = await reader.kubectl('get deployments -L env,canary')
  expect(columns).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +ENV +CANARY\n/)
  expect(columns).toMatch(/^bandicoot-staging +0\/1 +1 +0 +\S+ +staging *$/m)
  expect(await reader.lines('get pods --show-labels')).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^alpaca-prod-\S+ +0\/1 +Pending +0 +\S+ +app=alpaca,env=prod,pod-template-hash=\w+,ver=1$/),
    ]),
  )
  expect(await names(reader, '--selector=ver=2')).toEqual(['alpaca-test', 'bandicoot-prod', 'bandicoot-staging'])
  expect(await names(reader, '-l ver!=2')).toEqual(['alpaca-prod'])
  expect(await names(reader, '-l app=bandicoot,ver=2')).toEqual(['bandicoot-prod', 'bandicoot-staging'])
  expect(await names(reader, "-l 'app in (alpaca,bandicoot)'")).toHaveLength(4)
  expect(await names(reader, "-l 'app notin (alpaca)'")).toEqual(['bandicoot-prod', 'bandicoot-staging'])
  expect(await names(reader, '-l canary')).toEqual([])
  expect(await names(reader, "-l '!canary'")).toHaveLength(4)
  expect(await names(reader, "-l 'env in (prod,test),ver=2,!canary'")).toEqual(['alpaca-test', 'bandicoot-prod'])
})

row('label and annotate, change, and take away', async reader => {
  await begin(reader)
  expect(await reader.kubectl('label deployments alpaca-test canary=true')).toBe('deployment.apps/alpaca-test labeled\n')
  expect(await reader.lines('get deployments -L canary')).toEqual(expect.arrayContaining([expect.stringMatching(/^alpaca-test .* true$/)]))
  expect(await names(reader, '-l canary')).toEqual(['alpaca-test'])
  const taken = await reader.try('label deployments alpaca-test canary=false')
  expect({ code: taken.code, stderr: taken.stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining("'canary' already has a value (true)"),
  })
  expect(await reader.kubectl('label deployments alpaca-test canary=false --overwrite')).toContain('labeled')
  expect(await reader.kubectl('label deployments alpaca-test canary-')).toMatch(/deployment.apps\/alpaca-test (un)?labeled\n/)
  expect(await names(reader, '-l canary')).toEqual([])
  // Labels of a Deployment are its own: its pods have those of the template.
  expect(await reader.lines('get pods -l canary')).toEqual([])
  expect(await reader.kubectl("annotate deployments alpaca-test note='who was here'")).toBe('deployment.apps/alpaca-test annotated\n')
  expect(await reader.kubectl('describe deployment alpaca-test')).toMatch(/^Annotations: +.*\n? *note: who was here$/m)
  const bad = await reader.try("label deployments alpaca-test 'bad key=x'")
  expect(bad.code).toBe(1)
})

row('delete by selector, and all', async reader => {
  await begin(reader)
  const deleted = await reader.kubectl('delete deployments --selector=app=alpaca')
  expect(deleted).toContain('"alpaca-prod" deleted')
  expect(deleted).toContain('"alpaca-test" deleted')
  expect(await names(reader, '')).toEqual(['bandicoot-prod', 'bandicoot-staging'])
  await reader.kubectl('delete deployments --all')
  expect(await reader.kubectl('get deployments --ignore-not-found')).toBe('')
  await eventually('their pods are gone', async () => (await reader.pods()).length === 0)
})
