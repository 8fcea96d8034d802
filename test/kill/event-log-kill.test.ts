import { expect, it } from 'vitest'
import { runKillTrials } from './kill-trials.ts'

// `npm run bench -- ingest` does the same 30 times with other moments.
const killCount = Number(process.env.MILLRACE_KILLS ?? 8)

it(`loses nothing acknowledged and doubles nothing when processes are killed ${killCount} times`, {
  timeout: 120_000,
}, async () => {
  const report = await runKillTrials({ killCount, seed: 20_260_701 })
  expect(report.acknowledgedCount).toBeGreaterThan(1000)
  expect(report.storedCount).toBeGreaterThanOrEqual(report.acknowledgedCount)
  expect(report).toMatchObject({ lostCount: 0, doubledCount: 0, gapCount: 0 })
})
