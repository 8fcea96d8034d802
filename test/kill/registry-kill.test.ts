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
  expect(report.acknowledgedCount).toBeGreaterThan(killCount / 2)
  expect(report.slowestRollbackMs).toBeLessThan(2000)
  // A kill between two acts proves nothing; nearly all have to meet one at work.
  expect(report.killedDuring.nothing ?? 0).toBeLessThan(killCount / 2)
  if (killCount < 50) return
  console.log(JSON.stringify(report))
  // Every kind of act was hit, and some kills left something to mend.
  for (const act of ['train', 'promote', 'rollback', 'collect'])
    expect(report.killedDuring[act], act).toBeGreaterThan(0)
  expect(report.leftoverCount).toBeGreaterThan(0)
})
