// What a run works on: noted when it begins, and what it sees of the app from then on, however often it is tried.
import type { App } from '../app.ts'
import { offlineTableNames } from '../domain/offline-table.ts'
import type { RunInputs, RunTable } from '../domain/run.ts'
import { MillraceError } from '../lib/errors.ts'
import { fileHash } from './checked-ranker.ts'
import { packageVersion } from './package-version.ts'
import { projectCommit } from './project-commit.ts'

export async function runInputsNow(app: App): Promise<RunInputs> {
  const { training, hash } = app.plan
  return {
    planHash: hash,
    ...projectCommit(app.projectDir),
    millraceVersion: packageVersion(),
    seed: training.seed,
    nextOffset: (await app.log.bounds()).nextOffset,
    asOfMs: app.clock.now(),
    tables: await publishedTables(app),
    ...(await rankerFileNow(app)),
    parameters: training,
  }
}

/** A file that cannot be read is for the training to tell. */
async function rankerFileNow(app: App): Promise<Pick<RunInputs, 'rankerFile'>> {
  const file = await app.rankerFile().catch(() => undefined)
  return file === undefined ? {} : { rankerFile: fileHash(file) }
}

async function publishedTables(app: App): Promise<readonly RunTable[]> {
  const { tablePublications } = await app.metadata()
  const published = await Promise.all(offlineTableNames.map((table) => tablePublications.find(table)))
  return published.flatMap((publication) => {
    if (publication === undefined) return []
    const { table, version, checked } = publication
    return [{ table, version, ...(checked && { checkedThrough: checked.through }) }]
  })
}

/** The app as it was when the run began: nothing later is in the log, it is still that moment, and a ranker's file is the one that was there. */
export function appAsOf(app: App, { asOfMs, nextOffset, rankerFile }: RunInputs): App {
  return {
    ...app,
    clock: { now: () => asOfMs },
    rankerFile: async () => {
      const file = await app.rankerFile()
      const now = file && fileHash(file)
      if (now === rankerFile || rankerFile === undefined) return file
      throw new MillraceError(
        'RUN_INPUT_CHANGED',
        `The ranker's file ${app.system.ranker?.imported?.path} has changed since the run began: its SHA-256 was ${rankerFile} and is ${now ?? 'none'}.`,
        { fix: 'Put the file back and go on with the run, or begin another run: "millrace train".' },
      )
    },
    log: {
      append: (events) => app.log.append(events),
      read: async (fromOffset, limit) =>
        (await app.log.read(fromOffset, limit)).filter(({ offset }) => offset < nextOffset),
      bounds: async () => {
        const { firstOffset, bytes } = await app.log.bounds()
        return { firstOffset: Math.min(firstOffset, nextOffset), nextOffset, bytes }
      },
      waitFor: (offset, timeoutMs) => app.log.waitFor(offset, timeoutMs),
      committedOffset: (consumer) => app.log.committedOffset(consumer),
      commitOffset: (consumer, offset) => app.log.commitOffset(consumer, offset),
      trim: (retention) => app.log.trim(retention),
      close: () => app.log.close(),
    },
  }
}
