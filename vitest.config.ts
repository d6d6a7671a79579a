import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'cdk.out/**', 'test/e2e/**', 'test/deploy/**', 'test/book/**'],
    testTimeout: 20_000,
  },
})
