// Attributes of users and items, as the log says them now.
import type { AttributeValue, EntityEvent, EntityName } from '../domain/event.ts'
import type { EventLog } from '../ports/event-log.ts'
import { logBatches } from './log-batches.ts'

/** @param paths such as "user.country"; others are left out @returns for each path the value of every entity of which the attribute is known; null where it is known to be empty */
export async function readAttributeValues(
  log: EventLog,
  paths: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, AttributeValue>>> {
  const wanted = paths.flatMap((path) => {
    const [entity, attribute] = path.split('.') as [EntityName, string?]
    const newest = new Map<string, { value: AttributeValue | undefined; timeMs: number }>()
    return attribute === undefined ? [] : [{ path, entity, attribute, newest }]
  })
  if (wanted.length === 0) return new Map()
  for await (const batch of logBatches(log, await log.bounds())) {
    for (const { event } of batch) {
      if (event.kind !== 'entity') continue
      for (const { entity, attribute, newest } of wanted) {
        if (event.entity === entity) note(newest, event, attribute)
      }
    }
  }
  return new Map(
    wanted.map(({ path, newest }) => [
      path,
      new Map([...newest].flatMap(([id, { value }]) => (value === undefined ? [] : [[id, value] as const]))),
    ]),
  )
}

/** Events may come late: the newest by when it happened counts. */
function note(
  newest: Map<string, { value: AttributeValue | undefined; timeMs: number }>,
  { entityId, change, attributes, eventTimeMs }: EntityEvent,
  attribute: string,
): void {
  if (change === 'patch' && !(attribute in attributes)) return
  const known = newest.get(entityId)
  if (known && known.timeMs > eventTimeMs) return
  newest.set(entityId, { value: change === 'delete' ? undefined : attributes[attribute], timeMs: eventTimeMs })
}
