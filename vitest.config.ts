import { defineConfig } from 'vitest/config'

// What starts the real thing runs after everything else, and alone: it wants the machine to itself.
const DRILLS = ['test/chaos/**/*.test.ts']
// That each drill notices a bug made for it: a minute or two, and of interest to who changes drills.
const SEEDED = process.env.ZEROPLANE_TEST_SEEDED ? [] : ['test/chaos/seeded-bugs.test.ts']
const WHOLE = ['test/e2e/**/*.test.ts']
// Two minutes of waiting for averages; what decides is tried without waiting in test/metrics and test/controllers.
const LONG = process.env.ZEROPLANE_TEST_LONG ? [] : ['test/e2e/metrics.test.ts']
const DEPLOY = ['test/deploy/**/*.test.ts']
const BOOK = ['test/book/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', 'cdk.out/**', 'dist/**', ...DRILLS, ...WHOLE, ...DEPLOY, ...BOOK],
          // Only keeps a broken system from hanging the suite: a busy machine is slow, and nothing is asserted of speed.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Vitest leaves one of two cores to itself otherwise.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'drills',
          include: DRILLS,
          exclude: SEEDED,
          testTimeout: 240_000,
          fileParallelism: false,
          // Time runs sixty times faster there. When the machine stalls for two seconds, a function outlives its message, as none does on AWS.
          retry: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'whole',
          include: WHOLE,
          exclude: LONG,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          // Each has a cluster of its own, and waits more than it works.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'book',
          include: BOOK,
          // One cluster, which all chapters share: test/book/book.ts
          globalSetup: 'test/book/setup.ts',
          testTimeout: 900_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          maxConcurrency: 3,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'deploy',
          include: DEPLOY,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
