import { expect, it } from 'vitest'
import { runConcurrentCommits } from './concurrent-commits.ts'

// The full size is MILLRACE_DELTA_COMMITS=1000.
const commitsPerProcess = Number(process.env.MILLRACE_DELTA_COMMITS ?? 50)
const processCount = 8
const expected = {
  commitCount: processCount * commitsPerProcess,
  rowCount: processCount * commitsPerProcess,
  lostCount: 0,
  doubledCount: 0,
}

it(`loses and doubles none of ${processCount} x ${commitsPerProcess} commits of concurrent processes`, {
  timeout: 60_000 + commitsPerProcess * 600,
}, async () => {
  const report = await runConcurrentCommits({ processCount, commitsPerProcess, killCount: 0, seed: 1 })
  expect(report).toEqual({ ...expected, killedCount: 0, strayNames: [] })
})

it('loses and doubles none of the commits of processes that are killed and begin again', {
  timeout: 120_000,
}, async () => {
  const report = await runConcurrentCommits({ processCount: 3, commitsPerProcess: 100, killCount: 8, seed: 20_261_125 })
  expect(report).toMatchObject({ commitCount: 300, rowCount: 300, lostCount: 0, doubledCount: 0 })
  expect(report.killedCount).toBeGreaterThan(3)
  // What a killed process was writing stays behind under a name that nobody reads.
  for (const name of report.strayNames) expect(name).toMatch(/^\.delta-.*\.tmp$/)
})
