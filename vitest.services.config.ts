import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['millrace-source'] },
  ssr: { resolve: { conditions: ['millrace-source'] } },
  test: {
    include: ['src/**/*.integration.test.ts', 'test/**/*.integration.test.ts'],
    testTimeout: 60_000,
    maxWorkers: 1,
  },
})
