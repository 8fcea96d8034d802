import { expect, it } from 'vitest'
import { runRunKillTrials } from './run-kill-trials.ts'

// MILLRACE_RUN_KILLS=50 is the full trial, MILLRACE_SEED other moments.
const killCount = Number(process.env.MILLRACE_RUN_KILLS ?? 2)
const seed = Number(process.env.MILLRACE_SEED ?? 20_261_125)

it(`a training that is killed at any moment (${killCount} of them) is told as lost, leaves nothing half-made, and goes on to the model it would have made`, {
  timeout: 60_000 + killCount * 15_000,
}, async () => {
  const report = await runRunKillTrials({ killCount, seed })
  expect(report.problems).toEqual([])
  // More than half of a life is training: that 50 kills meet none of it happens less than once in 10^15 times; of two it may be so.
  if (killCount < 50) return
  console.log(JSON.stringify(report))
  expect(report.lostCount).toBeGreaterThan(0)
  expect(report.keptCount).toBeGreaterThan(0)
})
