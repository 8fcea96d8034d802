// Run as a process of its own, to be killed: appends batches as fast as it can and prints the ids of each batch once they are acknowledged.
// node appender.ts FOLDER NAME: ids are NAME-0, NAME-1, ...; every third batch begins with ids that were sent before, as after a lost answer.
import { writeSync } from 'node:fs'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import type { LogEvent } from '../../src/domain/event.ts'
import { seededRng } from '../../src/lib/rng.ts'

const [folder, name] = process.argv.slice(2) as [string, string]
const log = await openEventLog({ folder })
const rng = seededRng(name)
let sentCount = 0

function nextBatch(): number[] {
  const isResent = rng.integer(3) === 0
  const first = isResent ? Math.max(0, sentCount - 50) : sentCount
  const last = sentCount + 1 + rng.integer(400)
  sentCount = last
  return Array.from({ length: last - first }, (_, n) => first + n)
}

const eventOf = (n: number): LogEvent => ({
  kind: 'interaction',
  id: `${name}-${n}`,
  interaction: 'view',
  userId: `u${n % 100}`,
  itemId: `i${n % 1000}`,
  eventTimeMs: 1_700_000_000_000 + n,
})

async function appendForEver(): Promise<never> {
  for (;;) {
    const batch = nextBatch()
    await log.append(batch.map(eventOf))
    // Written at once: a line that the parent reads was acknowledged, whatever happens to this process a moment later.
    writeSync(1, `${batch[0]} ${batch.at(-1)}\n`)
  }
}

await Promise.all([appendForEver(), appendForEver(), appendForEver()])
