// Run as a process of its own, next to others on one table, and maybe to be killed: node committer.ts FOLDER NAME COUNT.
// Commit k appends a file of one row to the partition NAME; every tenth instead overwrites the partition by one file of all rows so far. Each is
// idempotent by (NAME, k), so that a process which is started again may begin at 0. Prints k once it is committed.
import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { localDeltaStorage } from '../../src/adapters/embedded/delta-storage.ts'
import { openDeltaTable } from '../../src/delta/table.ts'
import { systemClock } from '../../src/lib/clock.ts'

const [folder, name, count] = process.argv.slice(2) as [string, string, string]
const storage = localDeltaStorage({ folder })
const table = await openDeltaTable({ storage, clock: systemClock, newId: randomUUID })
const partition = { writer: name }
const done = (await table.snapshot()).txnVersion(name) ?? -1

for (let k = 0; k < Number(count); k++) {
  // Of what a killed process may have left, only the last few are repeated, or a long run would be quadratic in its kills.
  if (k < done - 3) continue
  const options = { txn: { appId: name, version: k }, userMetadata: `${name}-${k}` }
  const path = `writer=${name}/${k}-${randomUUID()}.parquet`
  const isOverwrite = k % 10 === 9
  const file = { path, sizeBytes: 1, partitionValues: partition, rowCount: isOverwrite ? k + 1 : 1 }
  const { checkpointFailure } = isOverwrite
    ? await table.overwrite([partition], [file], options)
    : await table.append([file], options)
  if (checkpointFailure) throw checkpointFailure
  // Written at once: a line that the parent reads was committed, whatever happens to this process a moment later.
  writeSync(1, `${k}\n`)
}
