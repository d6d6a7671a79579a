// CronJobs where it is narrow: paces, schedules that never come, names that are taken, what is kept of the past.
import { afterEach, expect, test } from 'vitest'
import type { CronJob, Job } from '../../shared/api/batch/v1.ts'
import { CRON_JOBS, JOBS } from '../../shared/controllers/collections.ts'
import { cronJobController } from '../../shared/controllers/cronjob.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import { TestCluster } from './cluster.ts'
import { eventsOf } from './events.ts'
import { job } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const cronJob = (schedule: string, spec: object = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'c' },
  spec: { schedule, jobTemplate: { spec: job('x').spec }, ...spec },
})

const finish = (name: string, type: string) => {
  const time = timestamp(cluster.clock.now())
  const interim = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'
  const conditions = [interim, type].map(one => ({ type: one, status: 'True', lastTransitionTime: time, lastProbeTime: time }))
  const completionTime = type === 'Complete' ? time : undefined
  return cluster.patch(JOBS, name, { status: { startTime: time, completionTime, conditions } }, 'status')
}

test('a pace is kept from run to run, whatever happens in between', async () => {
  cluster = await TestCluster.start({ controllers: [cronJobController] })
  await cluster.create(CRON_JOBS, cronJob('@every 1h'))
  const begin = Date.parse((await cluster.get<CronJob>(CRON_JOBS, 'c')).metadata.creationTimestamp!)
  for (let hour = 1; hour <= 3; hour++) {
    await cluster.pass(1800)
    await cluster.patch(CRON_JOBS, 'c', { metadata: { labels: { hour: String(hour) } } })
    await cluster.pass(1801)
  }
  const jobs = (await cluster.list<Job>(JOBS)).map(({ metadata }) => metadata.name)
  expect(jobs).toEqual([1, 2, 3].map(hour => `c-${Math.floor((begin + hour * 3600_000) / 60_000)}`))
})

test('a schedule that never comes is said to be none', async () => {
  cluster = await TestCluster.start({ controllers: [cronJobController] })
  await cluster.create(CRON_JOBS, cronJob('59 23 31 2 *'))
  await cluster.calm()
  expect(await eventsOf(cluster, 'c')).toEqual([
    'Warning InvalidSchedule: invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second',
  ])
  expect(cluster.clock.pending).toBe(0)
})

test('a name that somebody else has taken is left to him', async () => {
  cluster = await TestCluster.start({ controllers: [cronJobController] })
  await cluster.create(CRON_JOBS, cronJob('*/5 * * * *'))
  const due = (Math.floor(cluster.clock.now() / 300_000) + 1) * 300_000
  await cluster.create(JOBS, job(`c-${due / 60_000}`))
  await cluster.pass((due - cluster.clock.now()) / 1000 + 10)
  expect(await eventsOf(cluster, 'c')).toEqual([])
  expect((await cluster.get<CronJob>(CRON_JOBS, 'c')).status).toEqual({})
  await cluster.pass(300)
  expect((await cluster.get<CronJob>(CRON_JOBS, 'c')).status?.active?.length).toBe(1)
})

test('a run that an earlier attempt made is taken over, also when it has ended meanwhile', async () => {
  cluster = await TestCluster.start({ controllers: [cronJobController] })
  const { metadata } = await cluster.create<CronJob>(CRON_JOBS, cronJob('*/5 * * * *'))
  const due = (Math.floor(cluster.clock.now() / 300_000) + 1) * 300_000
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'c', uid: metadata.uid, controller: true }
  const name = `c-${due / 60_000}`
  await cluster.create(JOBS, { ...job(name), metadata: { name, ownerReferences: [owner] } })
  await finish(name, 'Complete')
  await cluster.pass((due - cluster.clock.now()) / 1000 + 10)
  expect((await cluster.get<CronJob>(CRON_JOBS, 'c')).status?.lastScheduleTime).toBe(timestamp(due))
  expect(await eventsOf(cluster, 'c', 'SuccessfulCreate')).toEqual([])
})
