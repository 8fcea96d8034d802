import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { testCompute } from '../../ports/compute.contract.ts'
import { processCompute } from './compute.ts'
import { isAlive } from './process-name.ts'

const program = fileURLToPath(new URL('../../ports/compute-job.testing.ts', import.meta.url))
const compute = processCompute({ program, patienceSeconds: 0.2 })

describe('processes as compute', () => testCompute(() => processCompute({ program, patienceSeconds: 0.2 })))

const tidyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-jobs-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

it('tells a job that somebody else killed from one that ended by itself', async () => {
  const folder = tidyFolder()
  const spec = { args: ['wait', '60'], workingDir: folder, logFile: join(folder, 'log'), limits: {} }
  const job = await compute.start(spec)
  process.kill(Number(/\d+/.exec(job.place)![0]), 'SIGKILL')
  expect(await job.ended).toMatchObject({ how: 'killed', signal: 'SIGKILL' })
})

it.runIf(process.platform === 'linux')('lets every thread of a job stand back behind other work', async () => {
  const folder = tidyFolder()
  const limits = { niceness: 7 }
  const job = await compute.start({ args: ['wait', '60'], workingDir: folder, logFile: join(folder, 'log'), limits })
  await vi.waitFor(() => expect(readFileSync(join(folder, 'log'), 'utf8')).toContain('started'), 5000)
  const pid = /\d+/.exec(job.place)![0]
  const { readdirSync } = await import('node:fs')
  const niceness = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(
      readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[16],
    ),
  )
  expect(new Set(niceness)).toEqual(new Set([7]))
  await job.cancel()
})

it('leaves no job behind when the process that started it is killed, busy as the job may be', async () => {
  const folder = tidyFolder()
  const script = `
    import { processCompute } from ${JSON.stringify(new URL('./compute.ts', import.meta.url).href)}
    const job = await processCompute({ program: ${JSON.stringify(program)} }).start({
      args: ['stubborn', '60'], workingDir: '.', logFile: ${JSON.stringify(join(folder, 'log'))}, limits: {},
    })
    console.log(job.place)`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (place) => resolve(Number(/\d+/.exec(String(place))![0]))),
  )
  await vi.waitFor(() => expect(readFileSync(join(folder, 'log'), 'utf8')).toContain('started'), 5000)
  expect(isAlive({ pid, startedAt: '' })).toBe(true)
  parent.kill('SIGKILL')
  await vi.waitFor(() => expect(isAlive({ pid, startedAt: '' })).toBe(false), 5000)
})
