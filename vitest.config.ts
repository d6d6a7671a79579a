import { defineConfig } from 'vitest/config'

// What starts the real thing runs after everything else, and alone: it wants the machine to itself.
const WHOLE = ['test/e2e/**/*.test.ts']
const DEPLOY = ['test/deploy/**/*.test.ts']
const BOOK = ['test/book/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', 'cdk.out/**', 'dist/**', ...WHOLE, ...DEPLOY, ...BOOK],
          // Only keeps a broken system from hanging the suite: a busy machine is slow, and nothing is asserted of speed.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'whole',
          include: WHOLE,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'deploy',
          include: DEPLOY,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
