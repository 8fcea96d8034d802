import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RunMetric } from '../domain/run.ts'
import { type ComparedRun, compareRuns } from '../domain/run-comparison.ts'
import { someRun } from '../ports/run-store.contract.ts'
import { comparisonPage } from './run-page.ts'

const page = (compared: readonly ComparedRun[]): string => comparisonPage('shop', compared, compareRuns(compared))
const metric = (step: number, value: number, rest: Partial<RunMetric> = {}): RunMetric => ({
  name: 'loss',
  step,
  value,
  atMs: 1,
  ...rest,
})

test('a figure with steps is drawn over them, a line for each run, one without over the runs', () => {
  const html = page([
    { run: someRun('a', 1), metrics: [metric(0, 3), metric(1, 2), metric(0, 9, { name: 'once' })] },
    { run: someRun('b', 2), metrics: [metric(0, 4), metric(1, 1), metric(0, 8, { name: 'once', interval: [7, 9] })] },
  ])
  const figures = [...html.matchAll(/<figure><figcaption>(.*?)<\/figcaption>(.*?)<\/figure>/g)]
  expect(figures.map(([, name]) => name)).toEqual(['loss', 'once'])
  const count = (svg: string, what: RegExp): number => [...svg.matchAll(what)].length
  expect(figures.map(([, , svg]) => count(svg!, /<polyline/g))).toEqual([2, 0])
  expect(figures.map(([, , svg]) => count(svg!, /<circle/g))).toEqual([4, 2])
  expect(figures.map(([, , svg]) => count(svg!, /<line [^>]*\/><circle/g))).toEqual([0, 1])
  expect(html).not.toMatch(/(?:src|href)=/)
})

test('axes have round numbers, steps whole ones, and every run its number', () => {
  const metrics = [0.0853, 0.0969, 0.091].map((value, i) => metric(i * 15, value))
  const html = page([
    { run: someRun('a', 1), metrics },
    { run: someRun('b', 2), metrics: [metric(0, 0.09)] },
  ])
  const texts = [...html.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text)
  expect(texts).toEqual(['0.085', '0.09', '0.095', '0.1', '0', '10', '20', '30', 'step'])
  expect(html).toMatch(/1: a<.*2: b</)
  const flat = page([{ run: someRun('a', 1), metrics: [metric(0, 0.0878063985312)] }])
  expect(flat).toContain('>0.08781</text>')
  const gains = page([{ run: someRun('a', 1), metrics: [metric(0, -0.002, { interval: [-0.0065, 0.0034] })] }])
  expect(gains.match(/stroke="#999"/g)).toHaveLength(1)
})

test('the smaller value lies lower', () => {
  const html = page([{ run: someRun('a', 1), metrics: [metric(0, 3), metric(1, 2), metric(2, 10)] }])
  const heights = [...html.matchAll(/<circle cx="[\d.]+" cy="([\d.]+)"/g)].map(([, y]) => Number(y))
  expect(heights[1]).toBeGreaterThan(heights[0]!)
  expect(heights[2]).toBeLessThan(heights[0]!)
})

test('every mark lies within its plot, whatever the figures are', () => {
  const values = fc.double({ min: -1e9, max: 1e9, noNaN: true })
  const metrics = fc.uniqueArray(fc.record({ step: fc.nat(1e6), value: values }), { selector: ({ step }) => step })
  fc.assert(
    fc.property(fc.array(metrics, { minLength: 2, maxLength: 4 }), (lists) => {
      const html = page(
        lists.map((list, i) => ({
          run: someRun(`r${i}`, i),
          metrics: list.map(({ step, value }) => metric(step, value, { interval: [value - 1, value + 1] })),
        })),
      )
      expect(html).not.toMatch(/NaN|Infinity|undefined/)
      for (const [, x, y] of html.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(70)
        expect(Number(x)).toBeLessThanOrEqual(560 - 16)
        expect(Number(y)).toBeGreaterThanOrEqual(16)
        expect(Number(y)).toBeLessThanOrEqual(220 - 40)
      }
    }),
    { numRuns: 50 },
  )
})

test('what people wrote cannot become a part of the page', () => {
  const parameters = { candidates: { '<script>alert(1)</script>': '"&<b>' } }
  const inputs = { planHash: '', millraceVersion: '', seed: 1, nextOffset: 1, asOfMs: 1, tables: [], parameters }
  const html = page([
    { run: someRun('a', 1, { inputs }), metrics: [metric(0, 1, { name: '<img src=x>' })] },
    { run: someRun('b', 1), metrics: [] },
  ])
  expect(html).not.toMatch(/<script|<img|<b>/)
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
})
