import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Compute, JobLimits, JobUsage } from './compute.ts'

/** What every compute must do. @param open one whose program is `compute-job.testing.ts`, and whose patience is a fifth of a second */
export function testCompute(open: () => Compute): void {
  let folder: string
  let compute: Compute
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-compute-'))
    compute = open()
  })
  afterEach(async () => {
    await compute.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const logFile = (): string => join(folder, 'log.txt')
  const start = (args: readonly string[], limits: JobLimits = {}, onUsage?: (usage: JobUsage) => void) =>
    compute.start({ args, workingDir: folder, logFile: logFile(), limits }, onUsage)
  const hasStarted = () => vi.waitFor(() => expect(readFileSync(logFile(), 'utf8')).toContain('started'), 5000)

  it('tells the exit code, and keeps what the job printed behind what was there', async () => {
    expect(await (await start(['say', 'one'])).ended).toMatchObject({ how: 'exited', exitCode: 0 })
    expect(await (await start(['say', 'two'])).ended).toMatchObject({ how: 'exited', exitCode: 0 })
    expect(readFileSync(logFile(), 'utf8')).toBe('one\ntwo\n')
    expect(await (await start(['exit', '75'])).ended).toMatchObject({ how: 'exited', exitCode: 75 })
  })

  it('leaves a job alone that starts threads and ends them again', async () => {
    expect(await (await start(['threads'])).ended).toMatchObject({ how: 'exited', exitCode: 0 })
    expect(readFileSync(logFile(), 'utf8')).toBe('done\n')
  })

  it('ends a job that takes more memory than allowed, in its heap or outside of it, though it never looks up', async () => {
    const outside = await (await start(['fillOutside', '600'], { memoryMb: 200 })).ended
    expect(outside).toMatchObject({ how: 'overMemory', limitMb: 200 })
    expect(outside.usage.peakMemoryMb).toBeGreaterThan(200)
    // The heap of 300 MB is only a part of the process, which may have 300 MB in all: whoever sees it first ends it.
    expect(await (await start(['fillHeap'], { memoryMb: 300 })).ended).toMatchObject({
      how: 'overMemory',
      limitMb: 300,
    })
  })

  it('ends a job that takes longer than allowed, and tells what it took', async () => {
    const usages: JobUsage[] = []
    const job = await start(['spin', '30'], { wallSeconds: 1.3 }, (usage) => usages.push(usage))
    const end = await job.ended
    expect(end).toMatchObject({ how: 'overTime', limitSeconds: 1.3 })
    expect(usages.length).toBeGreaterThan(0)
    expect(end.usage).toEqual(usages.at(-1))
    expect(end.usage.peakMemoryMb).toBeGreaterThan(20)
  })

  it('cancels a job that listens, one that does not, and leaves one alone that has ended', async () => {
    const waiting = await start(['wait', '60'])
    await hasStarted()
    await waiting.cancel()
    expect(await waiting.ended).toMatchObject({ how: 'interrupted' })
    const stubborn = await start(['stubborn', '60'])
    await stubborn.cancel()
    expect(await stubborn.ended).toMatchObject({ how: 'interrupted' })
    const done = await start(['exit', '0'])
    await done.ended
    await done.cancel()
    expect(await done.ended).toMatchObject({ how: 'exited', exitCode: 0 })
  })

  it('says that a job cannot be started', async () => {
    const impossible = { args: ['exit', '0'], workingDir: join(folder, 'missing'), logFile: logFile(), limits: {} }
    await expect(compute.start(impossible)).rejects.toMatchObject({ code: 'COMPUTE_UNAVAILABLE' })
  })
}
