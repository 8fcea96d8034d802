import { expect, test } from 'vitest'
import { keptVersions, type RetentionInput } from './model-retention.ts'
import type { AliasMove, ModelStatus, RegisteredModel } from './registered-model.ts'

const DAY_MS = 86_400_000
const nowMs = 100 * DAY_MS

const model = (version: string, ageDays: number, status: ModelStatus = 'registered'): RegisteredModel => ({
  version,
  status,
  registeredAtMs: 0,
  userCount: 1,
  itemCount: 1,
  metrics: [],
  generators: [],
  bundleBytes: 1,
  lineage: {
    planHash: 'f',
    commit: undefined,
    millraceVersion: '0',
    seed: 1,
    nextOffset: 0,
    interactionCount: 0,
    trainedAtMs: nowMs - ageDays * DAY_MS,
    asOfMs: 0,
  },
})

const inCharge = (number: number, to: string, ageDays: number): AliasMove => ({
  number,
  alias: 'champion',
  to,
  atMs: nowMs - ageDays * DAY_MS,
  decision: { by: 'ada', command: 'test', why: '' },
})

const input: RetentionInput = {
  models: ['a', 'b', 'c', 'd', 'e', 'f'].map((version, i) => model(version, 60 - i * 10)),
  aliases: {},
  moves: [],
  uses: [],
  nowMs,
}

test('the newest stay, as many as are asked for', () => {
  expect([...keptVersions(input, { newestCount: 2, inChargeDays: 30 }).keys()]).toEqual(['f', 'e'])
  expect(keptVersions(input, { newestCount: 9, inChargeDays: 30 }).size).toBe(6)
})

test('what an alias names, a process uses or was in charge lately stays, each with its reason', () => {
  const uses = [{ version: 'b', user: { id: 'u', pid: 7, startedAt: '' } }]
  const moves = [inCharge(1, 'c', 50), inCharge(2, 'd', 20), inCharge(3, 'a', 19)]
  const kept = keptVersions({ ...input, aliases: { champion: 'a' }, uses, moves }, { newestCount: 1, inChargeDays: 30 })
  expect(Object.fromEntries(kept)).toEqual({
    a: 'champion',
    b: 'process 7 uses it',
    c: 'in charge within the last 30 days',
    d: 'in charge within the last 30 days',
    f: 'the newest',
  })
  const days = (inChargeDays: number) => [
    ...keptVersions({ ...input, aliases: { champion: 'a' }, moves }, { newestCount: 1, inChargeDays }).keys(),
  ]
  expect(days(19.5)).toEqual(['f', 'd', 'a'])
  expect(days(18)).toEqual(['f', 'a'])
})

test('what is deleted or being deleted does not count among the newest', () => {
  const models = [model('a', 3), model('b', 2, 'retired'), model('c', 1, 'deleted')]
  expect([...keptVersions({ ...input, models }, { newestCount: 1, inChargeDays: 0 }).keys()]).toEqual(['a'])
})
