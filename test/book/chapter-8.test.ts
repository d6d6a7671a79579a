// Jobs.
import { expect } from 'vitest'
import type { CronJob, Job } from '../../shared/api/batch/v1.ts'
import { chapter, eventually, type Reader } from './book.ts'

const { row } = chapter(8)

const KUARD = 'gcr.io/kuar-demo/kuard-amd64:1'

interface Options {
  readonly name?: string
  /** YAML lines of the Job's spec. */
  readonly spec?: string
  readonly restartPolicy?: 'OnFailure' | 'Never'
  readonly args?: readonly string[]
  readonly command?: string
}

/** The book's: kuard makes keys and ends. */
const job = ({ name = 'oneshot', spec = '', restartPolicy = 'OnFailure', args = [], command }: Options = {}) => `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
  labels:
    chapter: jobs
spec:
${spec}  template:
    metadata:
      labels:
        chapter: jobs
    spec:
      restartPolicy: ${restartPolicy}
      containers:
        - name: kuard
          image: ${KUARD}
          imagePullPolicy: IfNotPresent
          ${command === undefined ? `args: ${JSON.stringify(['--keygen-enable', '--keygen-exit-on-complete', ...args])}` : `command: [sh, -c, ${JSON.stringify(command)}]`}
`

const complete = (reader: Reader, name = 'oneshot') =>
  reader.kubectl(`wait --for=condition=Complete job/${name} --timeout=240s`, { timeout: 260_000 })
const podsOf = (reader: Reader, name = 'oneshot') => reader.pods(`job-name=${name}`)

row('a Job makes its keys and is Complete; describe, logs and delete', async reader => {
  expect(await reader.apply(job({ args: ['--keygen-num-to-gen=10'] }))).toBe('job.batch/oneshot created\n')
  await complete(reader)
  const described = await reader.kubectl('describe jobs oneshot')
  expect(described).toMatch(/^Parallelism: +1$/m)
  expect(described).toMatch(/^Completions: +1$/m)
  expect(described).toMatch(/^Pods Statuses: +0 (Active|Running).* \/ 1 Succeeded \/ 0 Failed$/m)
  expect(described).toMatch(/Normal +SuccessfulCreate +\S+ +job-controller +Created pod: oneshot-\w+/)
  expect(described).toMatch(/Normal +Completed +\S+ +job-controller +Job completed/)
  expect(await reader.kubectl('get jobs oneshot')).toMatch(
    /^NAME +STATUS +COMPLETIONS +DURATION +AGE\noneshot +Complete +1\/1 +\d+s +\d+s\n$/,
  )
  expect(await reader.kubectl('get pods -l job-name=oneshot')).toMatch(/^NAME[^\n]+\noneshot-\w+ +0\/1 +Completed +0 +/)
  expect((await reader.kubectl('logs job/oneshot')).match(/\(ID 0 \d+\/10\) Item done: SHA256:/g)).toHaveLength(10)
  const [pod] = await podsOf(reader)
  expect(pod?.metadata.labels).toMatchObject({ chapter: 'jobs', 'batch.kubernetes.io/job-name': 'oneshot' })
  expect(await reader.kubectl('delete jobs oneshot')).toContain('job.batch "oneshot" deleted')
  await eventually('its pod goes with it', async () => (await reader.pods()).length === 0)
})

row(
  'create job',
  async reader => {
    expect(await reader.kubectl(`create job oneshot --image=${KUARD} -- sh -c 'echo done; exit 0'`)).toBe('job.batch/oneshot created\n')
    await complete(reader)
    expect(await reader.kubectl('logs job/oneshot')).toBe('done\n')
  },
  { slow: true },
)

// In the book it was a Job; what is left of `run` makes a Pod.
row(
  'run -i oneshot --restart=OnFailure shows what the pod prints, until it ends',
  async reader => {
    const args = '--keygen-enable --keygen-exit-on-complete --keygen-num-to-gen 10'
    const { code, stdout } = await reader.try(`run -i oneshot --image=${KUARD} --restart=OnFailure -- ${args}`, { timeout: 240_000 })
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/\(ID 0 10\/10\) Item done: SHA256:/) })
    expect(stdout).toContain('(ID 0) Workload exiting')
    expect(await reader.kubectl('get pods')).toMatch(/^NAME[^\n]+\noneshot +0\/1 +Completed +0 +/)
    expect((await reader.pods())[0]?.spec?.restartPolicy).toBe('OnFailure')
    expect((await reader.kubectl('logs oneshot')).match(/Item done/g)).toHaveLength(10)
    expect(await reader.kubectl('delete pod oneshot')).toContain('pod "oneshot" deleted')
  },
  { both: true },
)

row('a failing pod with OnFailure restarts in place, longer and longer apart: CrashLoopBackOff', async reader => {
  await reader.apply(job({ args: ['--keygen-exit-code=1', '--keygen-num-to-gen=3'] }))
  const line = await reader.see('get pods -l job-name=oneshot --no-headers', /CrashLoopBackOff +[2-9]/, 150_000)
  expect(line.trim().split('\n')).toHaveLength(1)
  expect(await reader.kubectl('describe pods -l job-name=oneshot')).toMatch(/Warning +BackOff .*Back-off restarting failed container/)
  const [pod] = await podsOf(reader)
  expect(pod?.status?.containerStatuses?.[0]).toMatchObject({
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1, reason: 'Error' } },
  })
  expect((await reader.json<Job>('get job oneshot')).status).toMatchObject({ active: 1 })
})

row(
  'a failing pod with Never is followed by a new one, until backoffLimit',
  async reader => {
    await reader.apply(
      job({ restartPolicy: 'Never', spec: '  backoffLimit: 2\n', args: ['--keygen-exit-code=1', '--keygen-num-to-gen=1'] }),
    )
    await reader.kubectl('wait --for=condition=Failed job/oneshot --timeout=240s', { timeout: 260_000 })
    const lines = await reader.lines('get pods -l job-name=oneshot')
    expect(lines.map(line => line.split(/ +/)[2])).toEqual(['Error', 'Error', 'Error'])
    const { status } = await reader.json<Job>('get job oneshot')
    expect(status).toMatchObject({
      failed: 3,
      conditions: expect.arrayContaining([expect.objectContaining({ type: 'Failed', reason: 'BackoffLimitExceeded' })]),
    })
    expect(await reader.kubectl('describe job oneshot')).toMatch(
      /Warning +BackoffLimitExceeded .*Job has reached the specified backoff limit/,
    )
  },
  { slow: true },
)

row(
  'parallel: ten completions, five at a time',
  async reader => {
    const watching = reader.watch('get pods -l job-name=parallel -w --no-headers')
    const spec = '  parallelism: 5\n  completions: 10\n'
    await reader.apply(job({ name: 'parallel', spec, args: ['--keygen-num-to-gen=3'] }))
    let most = 0
    let over = false
    const counting = (async () => {
      while (!over) {
        const { status } = await reader.json<Job>('get job parallel')
        most = Math.max(most, status?.active ?? 0)
      }
    })()
    try {
      await complete(reader, 'parallel')
    } finally {
      over = true
      await counting
    }
    expect(most).toBe(5)
    expect(await reader.kubectl('get job parallel --no-headers')).toMatch(/10\/10/)
    expect(new Set((await podsOf(reader, 'parallel')).map(pod => `${pod.metadata.name} ${pod.status?.phase}`)).size).toBe(10)
    await eventually('the watch has shown ten that completed', () => {
      const completed = watching.seen.split('\n').filter(line => / Completed /.test(line))
      return new Set(completed.map(line => line.split(' ')[0])).size === 10
    })
  },
  { slow: true },
)

row(
  'activeDeadlineSeconds ends it, ttlSecondsAfterFinished takes it away',
  async reader => {
    await reader.apply(job({ name: 'late', spec: '  activeDeadlineSeconds: 3\n', command: 'sleep 600' }))
    await reader.apply(job({ name: 'short', spec: '  ttlSecondsAfterFinished: 2\n', command: 'true' }))
    await reader.kubectl('wait --for=condition=Failed job/late --timeout=240s', { timeout: 260_000 })
    expect(await reader.kubectl('describe job late')).toMatch(/Warning +DeadlineExceeded .*Job was active longer than specified deadline/)
    await eventually('its pod is gone', async () => (await podsOf(reader, 'late')).length === 0)
    await reader.kubectl('wait --for=delete job/short --timeout=240s', { timeout: 260_000 })
    await eventually('with its pods', async () => (await podsOf(reader, 'short')).length === 0)
  },
  { slow: true },
)

row(
  'suspend: no pods until it may',
  async reader => {
    await reader.apply(job({ spec: '  suspend: true\n', command: 'echo at last' }))
    await reader.see('describe job oneshot', /Normal +Suspended .*Job suspended/)
    expect(await podsOf(reader)).toEqual([])
    if (!reader.isOld) expect(await reader.kubectl('get job oneshot --no-headers')).toMatch(/^oneshot +Suspended +0\/1 /)
    await reader.kubectl(`patch job oneshot -p '{"spec":{"suspend":false}}'`)
    await complete(reader)
    expect(await reader.events('oneshot')).toEqual(expect.arrayContaining(['Suspended', 'Resumed', 'SuccessfulCreate', 'Completed']))
  },
  { slow: true },
)

row(
  'Indexed: each pod knows its number',
  async reader => {
    await reader.apply(
      job({
        spec: '  completionMode: Indexed\n  completions: 3\n  parallelism: 3\n',
        command: 'echo I am $JOB_COMPLETION_INDEX on $(hostname)',
      }),
    )
    await complete(reader)
    const logs = await Promise.all((await podsOf(reader)).map(pod => reader.kubectl(`logs ${pod.metadata.name}`)))
    expect(logs.sort()).toEqual(['I am 0 on oneshot-0\n', 'I am 1 on oneshot-1\n', 'I am 2 on oneshot-2\n'])
    expect(await reader.kubectl('get job oneshot -o jsonpath={.status.completedIndexes}')).toBe('0-2')
    expect(await reader.kubectl('describe job oneshot')).toMatch(/^Completion Mode: +Indexed$/m)
  },
  { slow: true },
)

const cronJob = (apiVersion: string, spec = '') => `apiVersion: ${apiVersion}
kind: CronJob
metadata:
  name: example-cron
spec:
  schedule: "*/1 * * * *"
${spec}  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
            - name: batch-job
              image: ${KUARD}
              command: [sh, -c, 'date; echo hello']
`

row(
  'a CronJob of batch/v1beta1 runs when the minute is full; create job --from runs it now',
  async reader => {
    const created = await reader.try('apply -f -', { input: cronJob('batch/v1beta1') })
    expect(created.stdout).toBe('cronjob.batch/example-cron created\n')
    expect(created.stderr).toContain('batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob')
    expect(await reader.apply(cronJob('batch/v1beta1'))).toBe('cronjob.batch/example-cron unchanged\n')
    const described = await reader.kubectl('describe cronjobs example-cron')
    expect(described).toMatch(/^Schedule: +\*\/1 \* \* \* \*$/m)
    expect(described).toMatch(/^Concurrency Policy: +Allow$/m)
    expect(described).toMatch(/^Suspend: +False$/m)
    expect(described).toMatch(/^Successful Job History Limit: +3$/m)
    expect(await reader.kubectl('create job now --from=cronjob/example-cron')).toBe('job.batch/now created\n')
    await complete(reader, 'now')
    expect(await reader.kubectl('logs job/now')).toMatch(/hello\n$/)
    const [first = ''] = await eventually('the minute was full', async () => {
      const jobs = (await reader.json<{ items: Job[] }>('get jobs')).items.filter(({ metadata }) => metadata.name !== 'now')
      return jobs.length > 0 && jobs.map(({ metadata }) => metadata.name)
    })
    expect(first).toMatch(/^example-cron-\d+$/)
    await complete(reader, first)
    const { status } = await reader.json<CronJob>('get cronjob example-cron')
    expect(new Date(status?.lastScheduleTime ?? '').getSeconds()).toBe(0)
    expect(await reader.events('example-cron')).toContain('SuccessfulCreate')
    await eventually('it has seen the end', async () => (await reader.events('example-cron')).includes('SawCompletedJob'))
  },
  // A minute's wait: the schedules of a deployed Zeroplane are tried by test/deploy, and those of CronJobs by test/controllers.
  { slow: true },
)

row(
  'timeZone, suspend, startingDeadlineSeconds and history limits are kept and shown',
  async reader => {
    const spec = `  timeZone: Europe/Berlin
  suspend: true
  startingDeadlineSeconds: 200
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 0
  concurrencyPolicy: Replace
`
    await reader.apply(cronJob('batch/v1', spec))
    if (!reader.isOld)
      expect(await reader.kubectl('get cronjobs')).toMatch(
        /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\nexample-cron +\*\/1 \* \* \* \* +Europe\/Berlin +True +0 +<none> +\d+s\n$/,
      )
    const described = await reader.kubectl('describe cronjob example-cron')
    expect(described).toMatch(/^Concurrency Policy: +Replace$/m)
    expect(described).toMatch(/^Suspend: +True$/m)
    expect(described).toMatch(/^Starting Deadline Seconds: +200s$/m)
    const wrong = await reader.try('apply -f -', { input: cronJob('batch/v1', '  timeZone: Mars/Olympus\n') })
    expect(wrong.stderr).toContain('spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus')
  },
  { slow: true },
)

row(
  'Forbid starts none beside one that runs, Replace ends it, and history limits clear up',
  async reader => {
    const long = (name: string, policy: string) =>
      cronJob('batch/v1', `  concurrencyPolicy: ${policy}\n  successfulJobsHistoryLimit: 0\n`)
        .replace('name: example-cron', `name: ${name}`)
        .replace('date; echo hello', 'trap exit TERM; sleep 900 & wait')
    await reader.apply(long('forbid', 'Forbid'))
    await reader.apply(long('replace', 'Replace'))
    await reader.apply(cronJob('batch/v1', '  successfulJobsHistoryLimit: 0\n').replace('name: example-cron', 'name: brief'))
    const jobsOf = async (name: string) =>
      (await reader.json<{ items: Job[] }>('get jobs')).items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === name)
    const [forbidden] = await eventually('Forbid has one that runs', async () => {
      const jobs = await jobsOf('forbid')
      return jobs.length === 1 && jobs
    })
    const [replaced] = await eventually('Replace has one', async () => {
      const jobs = await jobsOf('replace')
      return jobs.length === 1 && jobs
    })
    await eventually('Replace has another', async () => {
      const jobs = await jobsOf('replace')
      return jobs.length === 1 && jobs[0]?.metadata.uid !== replaced?.metadata.uid
    })
    await eventually('Forbid says that one still runs', async () => (await reader.events('forbid')).includes('JobAlreadyActive'))
    expect((await jobsOf('forbid')).map(({ metadata }) => metadata.uid)).toEqual([forbidden?.metadata.uid])
    await eventually('what completed was cleared up', async () => (await reader.events('brief')).includes('SuccessfulDelete'))
  },
  { slow: true },
)

row(
  'the work queue: 100 items, put there through a port-forward, are worked by five consumers, each once',
  async reader => {
    const named = (kind: string, apiVersion: string, spec: string) => `apiVersion: ${apiVersion}
kind: ${kind}
metadata:
  name: queue
  labels: {app: work-queue, component: queue, chapter: jobs}
spec:
${spec}---
`
    const labels = '{app: work-queue, component: queue, chapter: jobs}'
    await reader.apply(
      named(
        'ReplicaSet',
        'apps/v1',
        `  replicas: 1
  selector: {matchLabels: ${labels}}
  template:
    metadata: {labels: ${labels}}
    spec:
      containers: [{name: queue, image: "${KUARD}"}]
`,
      ) + named('Service', 'v1', `  ports: [{port: 8080, protocol: TCP, targetPort: 8080}]\n  selector: ${labels}\n`),
    )
    const pod = await eventually('the queue is ready', async () => (await reader.readyPods('component=queue'))[0]?.metadata.name)
    const forwarding = reader.watch(`port-forward ${pod} :8080`)
    const port = await eventually('it is forwarded', () => /Forwarding from 127\.0\.0\.1:(\d+) -> 8080/.exec(forwarding.seen)?.[1])
    const queues = `http://127.0.0.1:${port}/memq/server`
    expect((await fetch(`${queues}/queues/keygen`, { method: 'PUT' })).status).toBe(200)
    for (let item = 0; item < 100; item++)
      expect((await fetch(`${queues}/queues/keygen/enqueue`, { method: 'POST', body: `work-item-${item}` })).status).toBe(200)
    const stats = async () => ((await (await fetch(`${queues}/stats`)).json()) as { queues: object[] }).queues[0]
    expect(await stats()).toMatchObject({ name: 'keygen', depth: 100, enqueued: 100, dequeued: 0 })
    const args = ['--keygen-memq-server=http://queue:8080/memq/server', '--keygen-memq-queue=keygen']
    await reader.apply(job({ name: 'consumers', spec: '  parallelism: 5\n', args }))
    await complete(reader, 'consumers')
    expect(await stats()).toMatchObject({ depth: 0, dequeued: 100 })
    const logs = await Promise.all((await podsOf(reader, 'consumers')).map(one => reader.kubectl(`logs ${one.metadata.name}`)))
    expect(logs).toHaveLength(5)
    expect(logs.join('').match(/Item done/g)).toHaveLength(100)
    expect((await reader.json<Job>('get job consumers')).status?.succeeded).toBe(5)
  },
  { slow: true },
)
