// Goal: no row is lost, in whatever order transactions commit. Method: a database in a few lines, in which transactions take ascending numbers, go on
// for a while, and commit or not; pulls look and read at random moments between, and break off at random.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nothingSeen, type Position, startOf, unfinishedAt } from './incremental-position.ts'

interface Transaction {
  readonly id: string
  readonly values: number[]
}

type Step =
  | { readonly kind: 'begin' }
  | { readonly kind: 'insert' | 'commit' | 'abort'; readonly which: number }
  | { readonly kind: 'look' }
  /** `breakAfter`: rows that become durable before the pull breaks off. */
  | { readonly kind: 'read'; readonly breakAfter: number | undefined }

const which = fc.nat(5)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('insert' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'abort' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('read' as const), breakAfter: fc.option(fc.nat(4), { nil: undefined }) }),
  },
)

it('whatever is committed is read in the end, once every transaction has ended', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const committed: number[] = []
      const running: Transaction[] = []
      const seen = new Set<number>()
      let position: Position = {}
      let looked: { newest: string | undefined; running: string[] } | undefined
      let nextValue = 1
      let nextId = 1
      const look = () => ({
        newest: committed.length === 0 ? undefined : String(Math.max(...committed)),
        running: running.map(({ id }) => id),
      })
      const read = (breakAfter?: number): void => {
        const sight = position.unfinished
          ? nothingSeen
          : { ...(looked ?? look()), stillRunning: running.map(({ id }) => id) }
        looked = undefined
        const start = startOf(position, sight)
        const from = start.from === undefined ? 0 : Number(start.from)
        const rows = committed.filter((value) => value >= from).sort((a, b) => a - b)
        const taken = rows.slice(0, breakAfter)
        for (const value of taken) seen.add(value)
        if (breakAfter === undefined) position = start.atEnd
        // Without a durable row nothing was remembered.
        else if (taken.length > 0) position = unfinishedAt(start, String(taken.at(-1)))
      }
      const take = (n: number) => running[n % Math.max(1, running.length)]
      for (const step of steps) {
        if (step.kind === 'begin') running.push({ id: `t${nextId++}`, values: [] })
        else if (step.kind === 'insert') take(step.which)?.values.push(nextValue++)
        else if (step.kind === 'look') looked = look()
        else if (step.kind === 'read') read(step.breakAfter)
        else {
          const transaction = take(step.which)
          if (!transaction) continue
          running.splice(running.indexOf(transaction), 1)
          if (step.kind === 'commit') committed.push(...transaction.values)
        }
      }
      looked = undefined
      for (const transaction of running.splice(0)) committed.push(...transaction.values)
      read()
      read()
      expect(committed.filter((value) => !seen.has(value))).toEqual([])
    }),
    { numRuns: 5000 },
  )
})

it('a quiet database is read from the newest value on', () => {
  const sight = { newest: '7', running: [], stillRunning: [] }
  expect(startOf({ mark: '3' }, sight)).toEqual({ from: '3', withOverlap: true, atEnd: { mark: '7' } })
  expect(startOf({}, { ...sight, newest: undefined }).atEnd).toEqual({})
})
