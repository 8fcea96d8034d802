// Goal: other tools read the offline tables with the rows that the event log holds, at every version, before and after a compaction.
// Method: a random history goes into the tables in several commits; Python's `deltalake` (delta-rs) reads them on its own.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pythonWith } from '../../bench/peers.ts'
import { put, shown, tablesIn, view } from '../../src/data/tables/offline-tables.testing.ts'
import type { StoredEvent } from '../../src/ports/event-log.ts'

const DAY_MS = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'millrace-tables-interop-'))
let python: string

beforeAll(() => {
  const peer = pythonWith(['deltalake==1.6.6', 'pyarrow==26.0.1'], () => {})
  if ('skipped' in peer) throw new Error(peer.skipped)
  python = peer.python
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Row = Readonly<Record<string, unknown>>

function readByDeltalake(table: string, versions: readonly number[]): Record<string, Row[]> {
  const script = fileURLToPath(new URL('./read-with-deltalake.py', import.meta.url))
  const output = execFileSync(python, [script, join(folder, 'tables', table), ...versions.map(String)], {
    encoding: 'utf8',
  })
  return JSON.parse(output).rows
}

const dateOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)
const ascending = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => Number(a.off) - Number(b.off))

/** A row as `deltalake` should show it; codes for counting are left out. */
function expectedRow({ offset, availableTimeMs, event }: StoredEvent): Row {
  const common = {
    off: offset,
    a: availableTimeMs,
    event_ms: event.eventTimeMs,
    date: dateOf(availableTimeMs),
    id: event.id,
  }
  const counted = { ...common, c: Math.min(availableTimeMs, event.eventTimeMs) }
  if (event.kind === 'entity') {
    const { entity, entityId, change, attributes } = event
    return { ...counted, entity, entity_id: entityId, change, attributes: JSON.stringify(attributes) }
  }
  if (event.kind === 'impression') {
    const { userId, itemIds, placement, scores, propensities, modelVersion, rung, served } = event
    return {
      ...counted,
      user_id: userId,
      item_ids: itemIds,
      placement: placement ?? null,
      scores: scores ?? null,
      propensities: propensities ?? null,
      model_version: modelVersion ?? null,
      rung: rung ?? null,
      served: served ?? null,
    }
  }
  const { interaction, userId, itemId, weight, values } = event
  return {
    ...counted,
    interaction,
    user_id: userId,
    item_id: itemId,
    weight,
    measures: values ? Object.entries(values) : null,
  }
}

test('deltalake reads the rows of the log from the tables, at every version', async () => {
  const under = await tablesIn(folder)
  const tables = under.open()
  const loggedAt: number[] = [0]
  for (let n = 0; n < 4; n++) {
    const eventTimeMs = under.clock.nowMs
    await under.log.append([
      view({ eventTimeMs, values: { durationSeconds: 0.1 * n } }),
      view({ eventTimeMs: eventTimeMs + 5 }),
      put(`i"${n}'é`, { category: 'lamps', price: n }),
      shown([`i"${n}'é`, 'i2'], n % 2 === 1 ? {} : { placement: 'home', scores: [0.3, n], propensities: [1, 0.5] }),
    ])
    await tables.sync()
    loggedAt.push((await under.log.bounds()).nextOffset)
    if (n % 2 === 1) under.clock.nowMs += DAY_MS
  }
  const compactions = await tables.compact()
  expect(compactions.length).toBe(6)
  const logged = await under.logged()
  for (const [table, kind] of [
    ['interactions', 'interaction'],
    ['changes', 'entity'],
    ['impressions', 'impression'],
  ] as const) {
    const { newestVersion } = await tables.describe(table)
    expect(newestVersion).toBe(6)
    const found = readByDeltalake(
      table,
      Array.from({ length: newestVersion + 1 }, (_, version) => version),
    )
    for (const [version, rows] of Object.entries(found)) {
      const nextOffset = loggedAt[Math.min(Number(version), 4)]!
      const expected = logged.filter(({ offset, event }) => offset < nextOffset && event.kind === kind).map(expectedRow)
      const shown = ascending(rows).map(({ user_code, item_code, ...row }) => row)
      expect(shown, `${table} at version ${version}`).toEqual(expected)
    }
  }
  await under.close()
}, 120_000)
