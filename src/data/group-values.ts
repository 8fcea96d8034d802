// To which group each user and item belongs, by attributes of theirs, as the log says it now.
import type { AttributeValue } from '../domain/event.ts'
import type { EventLog } from '../ports/event-log.ts'
import { readAttributeValues } from './attribute-values.ts'

/** @param paths such as "user.country"; others are left out @returns for each path the group of every entity of which the attribute is known */
export async function readGroupValues(
  log: EventLog,
  paths: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const values = await readAttributeValues(log, paths)
  return new Map([...values].map(([path, byId]) => [path, new Map([...byId].flatMap(groupOf))]))
}

const groupOf = ([id, value]: readonly [string, AttributeValue]) =>
  typeof value === 'string' || typeof value === 'boolean' ? [[id, String(value)] as const] : []
