// The columns of the offline tables, as other readers of Delta tables see them; the files are `OfflineStore.writeEvents`'s. What a system file adds
// over time (an interaction's value, an attribute) is a key inside of `measures` or `attributes`, so that it changes no table.
import type { DeltaColumn, DeltaSchema, DeltaType } from '../../delta/schema.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'

/** Days of availability (UTC), so that a day that is over gets no new rows, however late its events come. */
export const DATE_COLUMN = 'date'

/** Never "never null": a column may be missing in files of an older version. */
const column = (name: string, type: DeltaType, comment: string): DeltaColumn => ({
  name,
  type,
  nullable: true,
  metadata: { comment },
})

const listOf = (elementType: DeltaType): DeltaType => ({ type: 'array', elementType, containsNull: true })

const common: DeltaSchema = [
  column(DATE_COLUMN, 'date', 'The day on which the event became available, UTC'),
  column('off', 'long', 'Place in the event log'),
  column('event_ms', 'long', 'When it happened, in milliseconds since 1970'),
  column('c', 'long', 'When it counts as having happened: not after it became available'),
  column('a', 'long', 'When it became available, in milliseconds since 1970'),
  column('id', 'string', 'Of the event'),
]

export const tableSchemas: Readonly<Record<OfflineTableName, DeltaSchema>> = {
  interactions: [
    ...common,
    column('interaction', 'string', 'What the user did, as the system file names it'),
    column('user_id', 'string', 'Who'),
    column('item_id', 'string', 'With what'),
    column('user_code', 'integer', 'Of the user, for counting distinct ones'),
    column('item_code', 'integer', 'Of the item, for counting distinct ones'),
    column('weight', 'double', 'How much of it; 1 where it did not say'),
    column(
      'measures',
      { type: 'map', keyType: 'string', valueType: 'double', valueContainsNull: true },
      'What else was measured, by name',
    ),
  ],
  changes: [
    ...common,
    column('entity', 'string', '"user" or "item"'),
    column('entity_id', 'string', 'Which one'),
    column('change', 'string', '"put" replaces all attributes, "patch" those that are given, "delete" takes it away'),
    column('attributes', 'string', 'JSON'),
  ],
  impressions: [
    ...common,
    column('user_id', 'string', 'To whom it was shown'),
    column('placement', 'string', 'Where'),
    column('item_ids', listOf('string'), 'In the order shown'),
    column('model_version', 'string', 'Of the model that made the list'),
    column('rung', 'string', 'Of the fallback ladder'),
    column('scores', listOf('double'), 'By item what it was ordered by'),
    column('propensities', listOf('double'), 'By item how likely it was to be shown at its place'),
    column('served', 'binary', "Items x the ranker's columns of the model, float32, little-endian; NaN is missing"),
  ],
}
