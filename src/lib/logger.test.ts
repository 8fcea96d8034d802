import { expect, test } from 'vitest'
import { jsonLogger } from './logger.ts'

const collect = (level?: 'debug' | 'warn') => {
  const lines: string[] = []
  const clock = { now: () => Date.UTC(2026, 0, 2) }
  return { lines, log: jsonLogger({ clock, write: (line) => lines.push(line), ...(level ? { level } : {}) }) }
}

test('an entry is one line of JSON with time, level, message and fields', () => {
  const { lines, log } = collect()
  log.info('two\nlines', { port: 80 })
  expect(lines).toHaveLength(1)
  expect(lines[0]!.indexOf('\n')).toBe(lines[0]!.length - 1)
  expect(JSON.parse(lines[0]!)).toEqual({
    time: '2026-01-02T00:00:00.000Z',
    level: 'info',
    message: 'two\nlines',
    port: 80,
  })
})

test('entries below the level are not written', () => {
  const { lines, log } = collect('warn')
  log.info('quiet')
  log.error('loud')
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['loud'])
})

test('an error is written with its stack and its cause', () => {
  const { lines, log } = collect()
  log.error('failed', { error: new Error('outer', { cause: new Error('inner') }) })
  const { error } = JSON.parse(lines[0]!)
  expect(error.stack).toContain('outer')
  expect(error.cause.message).toBe('inner')
})
