// How strictly data is looked at.
import { type CheckSettings, defaultCheckSettings } from '../domain/check-settings.ts'
import type { Duration } from '../lib/duration.ts'
import { type Inspection, pathOf } from './inspection.ts'

/** `data.checks` of the system file; what is left out stays as it is by default. */
export interface CheckOptions {
  /** How old the newest row of the interactions may be. Default: "2 hours". */
  readonly freshness?: Duration
  /** Share of the rows that may lack a required attribute, in [0, 1]. Default: 0.01. */
  readonly nullRate?: number
  /** The plain rule on means, shown beside the calibrated one, which decides. Default: 2. */
  readonly meanWithinStdDevs?: number
  /** Kullback-Leibler divergence of a day from the days before that is worth an alarm, in nats. Default: 0.1. */
  readonly drift?: number
  /** What an alarm of a check leads to: "warn", "hold" (its table is kept back) or "stop". */
  readonly severities?: Partial<CheckSettings['severities']>
}

const severities = ['warn', 'hold', 'stop'] as const

export function checkChecks(value: unknown, inspection: Inspection): CheckSettings {
  if (value === undefined) return defaultCheckSettings
  const where = 'data.checks'
  const known = ['freshness', 'nullRate', 'meanWithinStdDevs', 'drift', 'severities']
  const fields = inspection.fields(value, where, known)
  const number = (name: 'nullRate' | 'meanWithinStdDevs' | 'drift', range: { low: number; high: number }) =>
    fields[name] === undefined
      ? defaultCheckSettings[name]
      : inspection.number(fields[name], pathOf(where, name), { ...range, isLowExcluded: name !== 'nullRate' })
  return {
    ...defaultCheckSettings,
    freshnessMs:
      fields.freshness === undefined
        ? defaultCheckSettings.freshnessMs
        : inspection.duration(fields.freshness, `${where}.freshness`),
    nullRate: number('nullRate', { low: 0, high: 1 }),
    meanWithinStdDevs: number('meanWithinStdDevs', { low: 0, high: 100 }),
    drift: number('drift', { low: 0, high: 100 }),
    severities: checkSeverities(fields.severities, `${where}.severities`, inspection),
  }
}

function checkSeverities(value: unknown, where: string, inspection: Inspection): CheckSettings['severities'] {
  const defaults = defaultCheckSettings.severities
  if (value === undefined) return defaults
  const given = Object.entries(inspection.fields(value, where, Object.keys(defaults)))
  const judged = given.map(([name, found]) => [name, inspection.oneOf(found, pathOf(where, name), severities)])
  return { ...defaults, ...Object.fromEntries(judged) }
}
