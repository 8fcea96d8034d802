import { expect, it } from 'vitest'
import { runRegistryKillTrials } from './registry-kill-trials.ts'

// MILLRACE_REGISTRY_KILLS=100 is the full trial, MILLRACE_SEED other moments.
const killCount = Number(process.env.MILLRACE_REGISTRY_KILLS ?? 6)
const seed = Number(process.env.MILLRACE_SEED ?? 20_261_125)

it(`no alias ever names a missing or half-written bundle when those who change the registry are killed ${killCount} times`, {
  timeout: 60_000 + killCount * 5000,
}, async () => {
  const report = await runRegistryKillTrials({ killCount, seed })
  expect(report.problems).toEqual([])
  // Each process was killed after it had been told of one change at least.
  expect(report.acknowledgedCount).toBeGreaterThanOrEqual(killCount)
  expect(report.slowestRollbackMs).toBeLessThan(2000)
  // A kill between two acts proves nothing. About 3 in 100 are: all of 6 by chance fewer than once in a hundred million runs.
  expect(report.killedDuring.nothing ?? 0).toBeLessThan(killCount)
  if (killCount < 100) return
  console.log(JSON.stringify(report))
  // Of 100 kills each of these met 16 or more: none by chance fewer than once in ten million runs.
  for (const act of ['train', 'promote', 'rollback']) expect(report.killedDuring[act], act).toBeGreaterThan(0)
  expect(report.leftoverCount).toBeGreaterThan(0)
})
