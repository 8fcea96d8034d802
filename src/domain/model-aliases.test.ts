import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aliasesAfter, inChargeSince, movedAliases, promoted, rolledBack } from './model-aliases.ts'
import type { AliasMove, ModelAliases } from './registered-model.ts'

test('a promotion makes the champion before the previous one, and ends the trial of the one that takes over', () => {
  expect(promoted({}, 'a', 'champion')).toEqual({ champion: 'a' })
  expect(promoted({ champion: 'a' }, 'b', 'champion')).toEqual({ champion: 'b', previous: 'a' })
  const trial = { champion: 'b', challenger: 'c', previous: 'a' }
  expect(promoted(trial, 'c', 'champion')).toEqual({ champion: 'c', previous: 'b' })
  expect(promoted(trial, 'd', 'champion')).toEqual({ champion: 'd', challenger: 'c', previous: 'b' })
  expect(promoted(trial, 'd', 'challenger')).toEqual({ ...trial, challenger: 'd' })
  expect(promoted(trial, 'a', 'champion')).toEqual({ champion: 'a', challenger: 'c', previous: 'b' })
})

test('the version that has the alias already changes nothing, and the champion is not its own challenger', () => {
  const aliases = { champion: 'b', challenger: 'c', previous: 'a' }
  expect(promoted(aliases, 'b', 'champion')).toBe(aliases)
  expect(promoted(aliases, 'c', 'challenger')).toBe(aliases)
  expect(() => promoted(aliases, 'b', 'challenger')).toThrow(expect.objectContaining({ code: 'MODEL_IS_CHAMPION' }))
})

test('rolling back without a previous model says what is in charge', () => {
  const refused = (text: string) =>
    expect.objectContaining({ code: 'MODEL_NO_PREVIOUS', message: expect.stringContaining(text) })
  expect(() => rolledBack({ champion: 'a' })).toThrow(refused('a is in charge'))
  expect(() => rolledBack({})).toThrow(refused('No model is in charge'))
})

const versions = fc.constantFrom('a', 'b', 'c', 'd')
const steps = fc.array(
  fc.oneof(
    versions.map((version) => ({ version })),
    fc.constant('roll back' as const),
  ),
  { maxLength: 20 },
)

/** The aliases after each step, the steps that are refused apart. */
function walk(given: readonly ({ version: string } | 'roll back')[]): ModelAliases[] {
  const seen: ModelAliases[] = [{}]
  for (const step of given) {
    const last = seen.at(-1)!
    if (step === 'roll back' && last.previous === undefined) continue
    seen.push(step === 'roll back' ? rolledBack(last) : promoted(last, step.version, 'champion'))
  }
  return seen
}

test('champion and previous never name the same version, and rolling back twice changes nothing', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const last = walk(given).at(-1)!
      expect(last.champion === undefined || last.champion !== last.previous).toBe(true)
      if (last.previous !== undefined) expect(rolledBack(rolledBack(last))).toEqual(last)
    }),
  )
})

test('the log of moves gives the aliases back, and who was in charge in any stretch that reaches to now', () => {
  fc.assert(
    fc.property(steps, fc.nat(25), (given, sinceMs) => {
      const seen = walk(given)
      const moves: AliasMove[] = []
      for (const [i, to] of seen.entries()) {
        const from = seen[i - 1] ?? {}
        for (const alias of movedAliases(from, to)) {
          const decision = { by: 'ada', command: 'test', why: '' }
          const ends = { ...(from[alias] && { from: from[alias] }), ...(to[alias] && { to: to[alias] }) }
          moves.push({ number: moves.length + 1, alias, ...ends, atMs: i, decision })
        }
      }
      expect(aliasesAfter([...moves].reverse())).toEqual(seen.at(-1))
      // Naively: the champion of each moment, until the first moment that has another one.
      const lately = seen.flatMap(({ champion }, i) => {
        const end = seen.findIndex((later, j) => j > i && later.champion !== champion)
        return champion !== undefined && (end === -1 || end >= sinceMs) ? [champion] : []
      })
      expect(inChargeSince(moves, sinceMs)).toEqual(new Set(lately))
    }),
  )
})

test('a model that was replaced before the stretch was not in charge in it', () => {
  const decision = { by: 'ada', command: 'test', why: '' }
  const move = (number: number, to: string): AliasMove => ({
    number,
    alias: 'champion',
    to,
    atMs: number * 100,
    decision,
  })
  const moves = [move(3, 'c'), move(1, 'a'), move(2, 'b')]
  expect([...inChargeSince(moves, 201)]).toEqual(['b', 'c'])
  expect([...inChargeSince(moves, 9999)]).toEqual(['c'])
  expect([...inChargeSince([], 0)]).toEqual([])
})
