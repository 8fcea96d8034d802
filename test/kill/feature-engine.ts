// Run as a process of its own, to be killed: a feature engine over the log and the store in a folder. It says when it begins, and follows the log for ever.
// node feature-engine.ts FOLDER BATCH_LENGTH
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import { openOnlineStore } from '../../src/adapters/embedded/online-store.ts'
import { openFeatureEngine } from '../../src/data/feature-engine.ts'
import { corpusDefinitions } from '../../src/domain/feature-corpus.contract.ts'
import { systemClock } from '../../src/lib/clock.ts'

const [folder, batchLength] = process.argv.slice(2) as [string, string]
const log = await openEventLog({ folder: join(folder, 'log') })
const store = await openOnlineStore({ folder: join(folder, 'features') })
const engine = await openFeatureEngine({
  log,
  store,
  definitions: corpusDefinitions,
  clock: systemClock,
  batchLength: Number(batchLength),
  cachedGroupCount: 6,
})
writeSync(1, 'begins\n')
engine.run((error) => {
  console.error(error)
  process.exit(1)
})
