import { expect, test } from 'vitest'
import { checkNames } from '../../domain/check.ts'
import { defaultCheckSettings } from '../../domain/check-settings.ts'
import type { ColumnRules } from '../../domain/column-profile.ts'
import { plannedChecks } from './planned-checks.ts'

const checksOf = (column: ColumnRules): string[] =>
  plannedChecks({ table: 't', isRealTime: true, owner: 'o', columns: { c: column } }, defaultCheckSettings)
    .filter(({ column }) => column === 'c')
    .map(({ check }) => check)

test('a table is checked for freshness, twice, and volume, by its owner', () => {
  expect(plannedChecks({ table: 't', isRealTime: true, owner: 'o', columns: {} }, defaultCheckSettings)).toEqual([
    { check: 'eventFreshness', table: 't', column: null, severity: 'warn', owner: 'o', weight: 1 },
    { check: 'availableFreshness', table: 't', column: null, severity: 'warn', owner: 'o', weight: 1 },
    { check: 'volume', table: 't', column: null, severity: 'hold', owner: 'o', weight: 3 },
  ])
})

test('a column gets what its type and its rules give', () => {
  expect(checksOf({ type: 'number', isRequired: true, min: 0 })).toEqual([
    'column',
    'type',
    'range',
    'nullRate',
    'nullRateShift',
    'mean',
    'drift',
  ])
  expect(checksOf({ type: 'category', isRequired: false, values: ['a'] })).toEqual([
    'column',
    'type',
    'enumeration',
    'nullRateShift',
    'drift',
  ])
  expect(checksOf({ type: 'id', isRequired: true, isUnique: true, references: 'x' })).toEqual([
    'column',
    'type',
    'uniqueness',
    'reference',
    'nullRate',
  ])
  expect(checksOf({ type: 'timestamp', isRequired: false })).toEqual(['column', 'type', 'nullRateShift'])
})

test('severities come from the settings, one for every check', () => {
  expect(Object.keys(defaultCheckSettings.severities).sort()).toEqual([...checkNames].sort())
  const [first] = plannedChecks(
    { table: 't', isRealTime: true, owner: 'o', columns: {} },
    { ...defaultCheckSettings, severities: { ...defaultCheckSettings.severities, eventFreshness: 'stop' } },
  )
  expect(first!.severity).toBe('stop')
})
