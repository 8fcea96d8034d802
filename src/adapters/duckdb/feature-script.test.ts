import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { countedTimeMs } from '../../domain/feature.ts'
import { corpusDefinitions, randomCorpus } from '../../domain/feature-corpus.testing.ts'
import { readFeature } from '../../domain/feature-oracle.testing.ts'
import { distinctCode } from '../../lib/hyper-log-log.ts'
import { seededRng } from '../../lib/rng.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import { featureScript } from './feature-script.ts'

test('x', async () => {
  const N = Number(process.env.N ?? 30)
  const seed = Number(process.env.SEED ?? 1)
  const inter: object[] = [],
    changes: object[] = [],
    labels: any[] = []
  const DAY = 86400000
  for (let n = 0; n < N; n++) {
    const rng = seededRng(`${seed}/${n}`)
    const corpus = randomCorpus(rng, { eventCount: 10 + rng.integer(120) })
    const shift = n * 200 * DAY
    const events: StoredEvent[] = corpus.events.map((s) => ({
      ...s,
      offset: s.offset + n * 100000,
      availableTimeMs: s.availableTimeMs + shift,
      event:
        s.event.kind === 'interaction'
          ? {
              ...s.event,
              userId: `${n}|${s.event.userId}`,
              itemId: `${n}|${s.event.itemId}`,
              eventTimeMs: s.event.eventTimeMs + shift,
            }
          : { ...s.event, entityId: `${n}|${s.event.entityId}`, eventTimeMs: s.event.eventTimeMs + shift },
    }))
    for (const { offset, availableTimeMs, event } of events) {
      const c = countedTimeMs(event.eventTimeMs, availableTimeMs)
      if (event.kind === 'interaction')
        inter.push({
          off: offset,
          interaction: event.interaction,
          user_id: event.userId,
          item_id: event.itemId,
          user_code: distinctCode(event.userId),
          item_code: distinctCode(event.itemId),
          c,
          a: availableTimeMs,
          weight: event.weight ?? 1,
          v_revenue: event.values?.revenue ?? null,
          v_durationSeconds: event.values?.durationSeconds ?? null,
        })
      else
        changes.push({
          off: offset,
          entity: event.entity,
          entity_id: event.entityId,
          change: event.change,
          attributes: JSON.stringify(event.attributes),
          c,
          a: availableTimeMs,
        })
    }
    for (let q = 0; q < 6; q++) {
      const at = events[rng.integer(events.length)]!.availableTimeMs
      const t = at + [0, 1, rng.integer(600000), rng.integer(3 * 3600000), rng.integer(30 * DAY)][rng.integer(5)]!
      labels.push({
        row_id: labels.length,
        user_id: `${n}|${corpus.userIds[rng.integer(3)]}`,
        item_id: `${n}|${corpus.itemIds[rng.integer(4)]}`,
        t,
        events,
      })
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'fs-'))
  const file = (name: string, rows: object[]) => {
    const p = join(folder, name)
    writeFileSync(p, rows.map((r) => JSON.stringify(r)).join('\n'))
    return p
  }
  const c = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
  await c.run(
    `create table interactions as select * from read_json('${file('i', inter)}', format='newline_delimited', columns={off:'BIGINT',interaction:'VARCHAR',user_id:'VARCHAR',item_id:'VARCHAR',user_code:'INTEGER',item_code:'INTEGER',c:'BIGINT',a:'BIGINT',weight:'DOUBLE',v_revenue:'DOUBLE',v_durationSeconds:'DOUBLE'})`,
  )
  await c.run(
    `create table changes as select off, entity, entity_id, change, attributes::JSON as attributes, c, a from read_json('${file('c', changes)}', format='newline_delimited', columns={off:'BIGINT',entity:'VARCHAR',entity_id:'VARCHAR',change:'VARCHAR',attributes:'VARCHAR',c:'BIGINT',a:'BIGINT'})`,
  )
  await c.run(
    `create table labels as select * from read_json('${file(
      'l',
      labels.map(({ events, ...l }) => l),
    )}', format='newline_delimited', columns={row_id:'BIGINT',user_id:'VARCHAR',item_id:'VARCHAR',t:'BIGINT'})`,
  )
  rmSync(folder, { recursive: true })
  const script = featureScript(corpusDefinitions, {
    user: { country: 'text', interests: 'tags' },
    item: { category: 'text', tags: 'tags', price: 'number', isNew: 'boolean' },
  })
  const run = async (sql: string) => {
    const z = performance.now()
    try {
      await c.run(sql)
      const d = performance.now() - z
      if (d > 300) console.log(d | 0, sql.slice(0, 1500))
    } catch (e) {
      console.log(sql)
      throw e
    }
  }
  const s0 = performance.now()
  for (const s of script.before) await run(s)
  const keys = (await c.runAndReadAll(script.groupKeys))
    .getRowsJS()
    .map(([k]) => String(k))
    .sort()
  await run(`create temp table group_keys (key VARCHAR, rank INTEGER, code INTEGER)`)
  if (keys.length)
    await run(
      `insert into group_keys values ${keys.map((k, i) => `('${k.replaceAll("'", "''")}', ${i}, ${distinctCode(k)})`).join(',')}`,
    )
  for (const s of script.after) await run(s)
  const rows = (await c.runAndReadAll('select * from feature_values order by row_id')).getRowObjectsJS()
  console.log('sql', performance.now() - s0, rows.length)
  const wrong: Record<string, number> = {}
  let shown = 0
  const seen: any = {}
  expect(rows.length).toBe(labels.length)
  for (const [i, l] of labels.entries()) {
    const row = rows[i]!
    for (const d of corpusDefinitions) {
      const o = readFeature(corpusDefinitions, l.events, {
        name: d.name,
        entity: { userId: l.user_id, itemId: l.item_id },
        asOfMs: l.t,
      })
      const norm = (v: unknown): string =>
        v instanceof Map
          ? JSON.stringify([...v])
          : (v as any)?.constructor?.name === 'DuckDBMapValue'
            ? '?'
            : JSON.stringify(v ?? null)
      let got: any = row[d.name]
      if (Array.isArray(got) && got[0] && typeof got[0] === 'object' && 'key' in got[0])
        got = new Map(got.map((e: any) => [e.key, e.value]))
      const newest = row[`${d.name}__newest_ms`] as bigint | null
      const status = row[`${d.name}__status`]
      const valueOk = o.status === 'default' ? true : norm(got) === norm(o.value)
      if (status === 'present' && o.status === 'present') seen[d.name] = (seen[d.name] ?? new Set()).add(norm(got))
      const newestOk = (newest === null ? undefined : Number(newest)) === o.newestEventTimeMs
      if (!valueOk || status !== o.status || !newestOk) {
        wrong[d.name] = (wrong[d.name] ?? 0) + 1
        if (shown++ < 8)
          console.log(
            d.name,
            l.row_id,
            'sql',
            status,
            norm(got),
            newest,
            'oracle',
            o.status,
            norm(o.value),
            o.newestEventTimeMs,
          )
      }
    }
  }
  console.log('wrong', wrong, Object.fromEntries(Object.entries(seen).map(([k, v]: any) => [k, v.size])))
}, 600000)
