import { expect, it } from 'vitest'
import { runFeatureKillTrials } from './feature-kill-trials.ts'

// MILLRACE_FEATURE_KILLS=100 is the full trial.
const killCount = Number(process.env.MILLRACE_FEATURE_KILLS ?? 6)

it(`counts every event exactly once when the feature engine is killed ${killCount} times`, {
  timeout: 60_000 + killCount * 5000,
}, async () => {
  const report = await runFeatureKillTrials({ killCount, seed: 20_261_125 })
  // A kill that meets an engine with nothing to do, or one that has not begun, proves nothing; enough of them have to meet it at work.
  expect(report.midWorkCount).toBeGreaterThanOrEqual(killCount / 4)
  expect(report.readingCount).toBeGreaterThan(killCount * 100)
})
