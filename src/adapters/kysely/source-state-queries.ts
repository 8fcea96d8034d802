import type { SourceState, StoredSourceState } from '../../domain/source-state.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { SourceStates } from '../../ports/source-states.ts'
import type { MetadataDatabase } from './metadata-database.ts'

export function sourceStates(database: MetadataDatabase): SourceStates {
  return {
    async load(source) {
      const row = await database.read((db) =>
        db.selectFrom('source_state').selectAll().where('source', '=', source).executeTakeFirst(),
      )
      return row && stored(row)
    },

    async list() {
      const rows = await database.read((db) => db.selectFrom('source_state').selectAll().orderBy('source').execute())
      return rows.map(stored)
    },

    save: (state, generation) =>
      database.write(async (transaction) => {
        const { source } = state
        const row = { source, generation: generation + 1, state: canonicalJson(state) }
        // The condition is part of the statement, so that nothing can come between looking and writing.
        const changed =
          generation === 0
            ? await transaction
                .insertInto('source_state')
                .values(row)
                .onConflict((conflict) => conflict.column('source').doNothing())
                .returning('generation')
                .executeTakeFirst()
            : await transaction
                .updateTable('source_state')
                .set(row)
                .where('source', '=', source)
                .where('generation', '=', generation)
                .returning('generation')
                .executeTakeFirst()
        if (changed) return changed.generation
        const found = await transaction
          .selectFrom('source_state')
          .select('generation')
          .where('source', '=', source)
          .executeTakeFirst()
        throw changedMeanwhile(source, { foundGeneration: found?.generation ?? 0, expectedGeneration: generation })
      }),

    async remove(source) {
      await database.write((transaction) =>
        transaction.deleteFrom('source_state').where('source', '=', source).execute(),
      )
    },
  }
}

const stored = (row: { generation: number; state: string }): StoredSourceState => ({
  state: JSON.parse(row.state) as SourceState,
  generation: row.generation,
})

function changedMeanwhile(
  source: string,
  { foundGeneration, expectedGeneration }: { foundGeneration: number; expectedGeneration: number },
): MillraceError {
  return new MillraceError(
    'SOURCE_STATE_CHANGED',
    `The state of source "${source}" has generation ${foundGeneration}, expected ${expectedGeneration}: another process saved it in between.`,
    { fix: 'Let one process run the source. Nothing was overwritten; the next run goes on from the saved state.' },
  )
}
