import { expect, it } from 'vitest'
import { duration, progressLine, progressReporter } from './import-progress.ts'

const progress = { path: '/shop/clicks.csv', readCount: 500_000, readBytes: 250, totalBytes: 1000, elapsedMs: 10_000 }

it('tells share, rate and time left by bytes', () => {
  expect(progressLine(progress)).toBe('clicks.csv  25 %  ██████··················  50,000 rows/s  30 s left')
})

it('is finished, not broken, where the file has grown or is empty', () => {
  expect(progressLine({ ...progress, readBytes: 2000 })).toContain('100 %')
  expect(progressLine({ ...progress, readBytes: 0, totalBytes: 0, elapsedMs: 0 })).toContain('100 %')
})

it('writes durations as people say them', () => {
  expect([400, 59_400, 80_000, 7_260_000].map(duration)).toEqual(['0 s', '59 s', '1 min 20 s', '2 h 1 min'])
})

it('moves one line on a terminal, and clears it at the end', () => {
  const written: string[] = []
  const reporter = progressReporter({ isTerminal: true, write: (text) => written.push(text) })
  for (const elapsedMs of [50, 100, 150, 200]) reporter.show({ ...progress, elapsedMs })
  reporter.end()
  expect(written.length).toBe(3)
  expect(written[0]).toBe(`\r${progressLine({ ...progress, elapsedMs: 100 })}\u001b[K`)
  expect(written[2]).toBe('\r\u001b[K')
})

it('writes a plain line every few seconds elsewhere', () => {
  const written: string[] = []
  const reporter = progressReporter({ isTerminal: false, write: (text) => written.push(text) })
  for (let elapsedMs = 0; elapsedMs <= 12_000; elapsedMs += 100) reporter.show({ ...progress, elapsedMs })
  reporter.end()
  expect(written.length).toBe(2)
  expect(written[0]).toMatch(/left\n$/)
})
