import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DuckDb, openDuckDb } from './connection.ts'
import { PartedRelations } from './parted-relations.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-parts-'))
let duckDb: DuckDb
beforeAll(async () => {
  duckDb = await openDuckDb({ temporaryFolder: join(folder, 'temporary') })
})
afterAll(() => {
  duckDb.close()
  rmSync(folder, { recursive: true, force: true })
})

async function partsOf(relations: PartedRelations, name: string, partCount: number): Promise<unknown[][]> {
  const parts: unknown[][] = []
  for (let part = 0; part < partCount; part++) {
    await relations.open(name, part)
    parts.push(await duckDb.rows(`select * from ${name} order by all`))
    await duckDb.run(`drop view ${name}`)
  }
  return parts
}

test.each([1, 3])('rows that were added come back once, each in its part of %i', async (partCount) => {
  const relations = new PartedRelations(duckDb, join(folder, `of-${partCount}`))
  const numbers = (from: number) => ({
    name: 'numbers',
    partCount,
    query: `select n::INTEGER as n, [n::VARCHAR, null] as texts, (n % ${partCount})::INTEGER as part from range(${from}, ${from} + 1000) r(n)`,
  })
  await relations.add(numbers(0))
  await relations.add(numbers(1000))
  const expected = Array.from({ length: 2000 }, (_, n) => ({ n, texts: [String(n), null] }))
  const parts = await partsOf(relations, 'numbers', partCount)
  expect(parts).toEqual(
    Array.from({ length: partCount }, (_, part) => expected.filter(({ n }) => n % partCount === part)),
  )
  expect(parts.flat()).toHaveLength(2000)
  expect(Object.keys(parts[0]![0] as object)).toEqual(['n', 'texts'])
  await relations.drop('numbers')
})

test('a part without rows has the columns all the same', async () => {
  const relations = new PartedRelations(duckDb, join(folder, 'empty'))
  await relations.add({ name: 'few', partCount: 4, query: `select 7 as n, 'seven' as name, 2 as part` })
  await relations.open('few', 3)
  expect(await duckDb.rows('select n + 1 as next, upper(name) as name from few')).toEqual([])
  await duckDb.run('drop view few')
  expect((await partsOf(relations, 'few', 4)).map(({ length }) => length)).toEqual([0, 0, 1, 0])
  await relations.drop('few')
})

test('a relation that is dropped leaves no file and makes room for another of its name', async () => {
  const place = join(folder, 'dropped')
  const relations = new PartedRelations(duckDb, place)
  await relations.add({ name: 'gone', partCount: 2, query: 'select 1 as n, 1 as part' })
  expect(readdirSync(join(place, 'gone'))).toEqual(['part=1'])
  await relations.drop('gone')
  expect(existsSync(join(place, 'gone'))).toBe(false)
  await relations.add({ name: 'gone', partCount: 2, query: `select 'text' as name, 0 as part` })
  expect(await partsOf(relations, 'gone', 2)).toEqual([[{ name: 'text' }], []])
})
