// What is around the model: how fresh its data is, whether that data is held back, and whether its card says what only people know.

import type { GateResult } from '../../domain/gate-report.ts'
import type { CardSettings, GateSettings } from '../../domain/gate-settings.ts'

export interface Freshness {
  /** Of the interactions that the model learned from; undefined where it is not known. */
  readonly newestLearnedMs: number | undefined
  /** In the log now. */
  readonly newestInLogMs: number | undefined
  /** Interactions that came after the model had read the log. */
  readonly laterCount: number
  readonly nowMs: number
}

export function stalenessGate(
  { newestLearnedMs, newestInLogMs, laterCount, nowMs }: Freshness,
  { behindMs, ageMs }: Exclude<GateSettings['staleness'], false>,
): GateResult {
  if (newestLearnedMs === undefined || newestInLogMs === undefined) {
    const reason = 'it is not known what it learned from last'
    return { gate: 'staleness', verdict: 'notJudged', measured: [], reason }
  }
  const foundBehindMs = Math.max(0, newestInLogMs - newestLearnedMs)
  const foundAgeMs = Math.max(0, nowMs - newestLearnedMs)
  const isBehind = foundBehindMs > behindMs
  const isOld = ageMs !== undefined && foundAgeMs > ageMs
  const since = `${laterCount.toLocaleString('en-US')} interactions came since, up to ${days(foundBehindMs)} later`
  const limits = `at most ${days(behindMs)} behind${ageMs === undefined ? '' : ` and ${days(ageMs)} old`}`
  const learned = `learned up to ${new Date(newestLearnedMs).toISOString().slice(0, 16)}Z, ${days(foundAgeMs)} ago`
  return {
    gate: 'staleness',
    verdict: isBehind || isOld ? 'failed' : 'passed',
    measured: [
      { name: 'behind the log, ms', value: foundBehindMs, count: laterCount },
      { name: 'age of the newest interaction, ms', value: foundAgeMs },
    ],
    bound: behindMs,
    reason: `${learned}; ${since}; ${isBehind || isOld ? `too old: ${limits}` : limits}`,
  }
}

const DAY_MS = 86_400_000
const days = (ms: number): string =>
  ms < 2 * DAY_MS ? `${Math.round(ms / 3_600_000)} hours` : `${Math.round(ms / DAY_MS)} days`

export interface HeldTable {
  readonly table: string
  readonly reasons: readonly string[]
}

/** @param held undefined where the shop has no offline tables */
export function dataGate(held: readonly HeldTable[] | undefined): GateResult {
  const words = held?.map(({ table, reasons }) => `${table}: ${reasons[0] ?? 'no reason given'}`).join('; ')
  if (words === undefined) {
    return { gate: 'data', verdict: 'notJudged', measured: [], reason: 'no table was ever checked' }
  }
  return {
    gate: 'data',
    verdict: words === '' ? 'passed' : 'failed',
    measured: [{ name: 'tables that are held back', value: held!.length }],
    bound: 0,
    reason: words === '' ? 'no table is held back' : `held back: ${words}. See "millrace data"`,
  }
}

const cardFields = ['intendedUse', 'limits', 'contact'] as const

export function cardGate(card: CardSettings, setting: GateSettings['card']): GateResult {
  const missing = cardFields.filter((field) => card[field] === undefined)
  const isComplete = missing.length === 0
  return {
    gate: 'card',
    verdict: isComplete ? 'passed' : setting === 'required' ? 'failed' : 'notJudged',
    measured: [{ name: 'fields that nobody filled in', value: missing.length, count: cardFields.length }],
    bound: 0,
    reason: isComplete ? 'complete' : `training.card does not say ${missing.join(', ')}`,
  }
}
