import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { expect, test } from 'vitest'
import { NodeSqliteDialect } from './sqlite-dialect.ts'

interface Tables {
  readonly note: { id: number; text: string }
}

function openNotes(): { raw: DatabaseSync; db: Kysely<Tables> } {
  const raw = new DatabaseSync(':memory:')
  raw.exec('create table note (id integer primary key, text text not null)')
  return { raw, db: new Kysely<Tables>({ dialect: new NodeSqliteDialect(raw, 'the notes') }) }
}

test('transactions of one connection run one after the other', async () => {
  const { raw, db } = openNotes()
  const increment = () =>
    db.transaction().execute(async (transaction) => {
      const { count } = await transaction
        .selectFrom('note')
        .select((eb) => eb.cast<number>(eb.fn.countAll(), 'integer').as('count'))
        .executeTakeFirstOrThrow()
      await transaction.insertInto('note').values({ id: count, text: '' }).execute()
    })
  await Promise.all(Array.from({ length: 10 }, increment))
  expect(raw.prepare('select count(*) as count from note').get()).toEqual({ count: 10 })
  raw.close()
})

test('where there is no room, the error says so, the transaction leaves nothing, and the next one works', async () => {
  const { raw, db } = openNotes()
  const note = (id: number) => db.insertInto('note').values({ id, text: 'x'.repeat(10_000) })
  await note(1).execute()
  raw.exec('pragma max_page_count = 50')
  const filling = db.transaction().execute(async (transaction) => {
    for (let id = 2; ; id++) await transaction.executeQuery(note(id).compile())
  })
  await expect(filling).rejects.toThrow(
    expect.objectContaining({ code: 'METADATA_FULL', message: expect.stringContaining('the notes') }),
  )
  expect(await db.selectFrom('note').select('id').execute()).toEqual([{ id: 1 }])
  await note(2).execute()
  raw.close()
})

test('tells how many rows were changed', async () => {
  const { raw, db } = openNotes()
  await db
    .insertInto('note')
    .values([1, 2, 3].map((id) => ({ id, text: 'x' })))
    .execute()
  const { numDeletedRows } = await db.deleteFrom('note').where('id', '>', 1).executeTakeFirstOrThrow()
  expect(numDeletedRows).toBe(2n)
  raw.close()
})

test('a mistake in a query is an error that trying again does not mend', async () => {
  const { raw, db } = openNotes()
  await expect(sql`select x from nowhere`.execute(db)).rejects.toMatchObject({
    code: 'METADATA_UNUSABLE',
    message: expect.stringContaining('nowhere'),
  })
  raw.close()
})
