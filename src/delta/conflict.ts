// Whether a write still holds after another writer's commit. Two commits conflict only where one changed what the other rests on;
// compare "Optimistic concurrency" in Armbrust et al., "Delta Lake: High-Performance ACID Table Storage over Cloud Object Stores", VLDB 2020.
// We differ: an append never conflicts, and a schema that only grew stops nobody.
import type { Commit, MetadataAction } from './action.ts'
import { isInSomePartition } from './partition.ts'
import { isSameType, schemaFromJson } from './schema.ts'
import type { WriteClaim } from './write.ts'

/**
 * Why a write with this claim cannot follow the commit, as the end of a sentence that begins "version 7 ...".
 * @param metadata the table's, when the write began
 * @returns undefined where it can
 */
export function conflictWith(commit: Commit, claim: WriteClaim, metadata: MetadataAction): string | undefined {
  for (const { add, remove, metaData } of commit.actions) {
    if (metaData) {
      const reason = incompatibility(metadata, metaData)
      if (reason) return reason
    }
    // Rows that only moved into other files are the same rows.
    if (add?.dataChange && isInSomePartition(add.partitionValues, claim.partitions)) {
      return `added ${add.path} to a partition that this write replaces`
    }
    if (!remove) continue
    if (claim.paths.has(remove.path)) return `removed ${remove.path}, which this write rests on`
    // Writers may leave the values of a removed file out; then it may have been in any partition.
    const isTouched = !remove.partitionValues || isInSomePartition(remove.partitionValues, claim.partitions)
    if (remove.dataChange && claim.partitions.length > 0 && isTouched) {
      return `removed ${remove.path} from a partition that this write replaces`
    }
  }
  return undefined
}

function incompatibility(before: MetadataAction, after: MetadataAction): string | undefined {
  if (after.id !== before.id) return 'replaced the table by another one'
  if (after.partitionColumns.join() !== before.partitionColumns.join()) return 'changed the partition columns'
  const columns = new Map(schemaFromJson(after.schemaString).map((column) => [column.name, column]))
  for (const { name, type, nullable } of schemaFromJson(before.schemaString)) {
    const now = columns.get(name)
    if (!now) return `dropped the column ${name}`
    if (!isSameType(now.type, type)) return `changed the type of the column ${name}`
    if (nullable && !now.nullable) return `forbade null in the column ${name}`
  }
  return undefined
}
