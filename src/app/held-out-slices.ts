// The slices of an evaluation, by what the system file says of users and items.
import type { App } from '../app.ts'
import { kindOfType } from '../config/attribute-kind.ts'
import { readAttributeValues } from '../data/attribute-values.ts'
import type { AttributeValue, EntityName } from '../domain/event.ts'
import type { HeldOut, RankedLists } from '../training/evaluate.ts'
import { type EntityAttribute, type HeldOutSlices, searchHeldOut } from '../training/held-out-slices.ts'
import type { TrainingInput } from './training-input.ts'

/**
 * Attributes are those that the log knows now, texts for people to read left out; one pass over the log, and a search whose time grows with
 * the pairs of attributes.
 */
export async function heldOutSlices(
  app: App,
  { table }: TrainingInput,
  { heldOut, lists }: { readonly heldOut: HeldOut; readonly lists: RankedLists },
): Promise<HeldOutSlices> {
  const { entities } = app.plan.data
  const attributes = (['user', 'item'] as const).flatMap((entity) =>
    Object.entries(entities[entity]).flatMap(([name, { type }]) =>
      type === 'text' ? [] : [{ entity, name, type, path: `${entity}.${name}` }],
    ),
  )
  const paths = attributes.map(({ path }) => path)
  const known = await readAttributeValues(app.log, paths)
  const idsOf: Readonly<Record<EntityName, readonly string[]>> = { user: table.userIds, item: table.itemIds }
  const of = (wanted: EntityName): EntityAttribute[] =>
    attributes
      .filter(({ entity }) => entity === wanted)
      .map(({ path, type }) => ({
        name: path,
        kind: kindOfType[type],
        textOf: type === 'timestamp' ? dayOf : undefined,
        valueAt: (index): AttributeValue | undefined => known.get(path)!.get(idsOf[wanted][index]!),
      }))
  return searchHeldOut(lists, heldOut, {
    userAttributes: of('user'),
    itemAttributes: of('item'),
    seed: app.plan.training.seed,
  })
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)
