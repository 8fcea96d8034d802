// The folder that holds everything a system keeps on one machine, and the mark of the format it was written in.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../lib/errors.ts'

/** Raised when an older Millrace could no longer read what this one writes. */
export const DATA_FOLDER_FORMAT = 1

export interface DataFolder {
  readonly path: string
  readonly eventLogDir: string
  readonly quarantineDir: string
  readonly modelsDir: string
  /** One folder per run: its log, and what of it is kept so that it can go on. */
  readonly runsDir: string
  readonly keysDir: string
  readonly metadataDir: string
  readonly onlineStoreDir: string
  readonly snapshotsDir: string
  /** History in files: events, and training sets made of them. */
  readonly offlineDir: string
  readonly servedFeaturesDir: string
  /** Lists that batches made, for look-ups. */
  readonly storedListsDir: string
  readonly answersDir: string
}

/**
 * Creates the folder where it is missing, and refuses one that a newer version wrote. Several processes may open one folder at once.
 * @throws MillraceError DATA_FOLDER_NEWER, DATA_FOLDER_UNUSABLE
 */
export function openDataFolder(path: string): DataFolder {
  const formatFile = join(path, 'format.json')
  try {
    mkdirSync(path, { recursive: true })
    if (!existsSync(formatFile)) {
      // Written aside and renamed, so that a second process starting now reads all of it or nothing.
      const temporary = `${formatFile}.${process.pid}`
      writeFileSync(temporary, `${JSON.stringify({ format: DATA_FOLDER_FORMAT })}\n`)
      renameSync(temporary, formatFile)
    }
  } catch (error) {
    throw new MillraceError(
      'DATA_FOLDER_UNUSABLE',
      `${path} cannot be used as a data folder: ${(error as Error).message}.`,
      {
        fix: 'Name a folder that this user may write to, with --data.',
        cause: error,
      },
    )
  }
  const format = readFormat(formatFile)
  if (format > DATA_FOLDER_FORMAT) {
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `${path} has format ${format}, and this version of Millrace reads up to ${DATA_FOLDER_FORMAT}.`,
      { fix: 'Upgrade Millrace, or name another folder with --data.' },
    )
  }
  return {
    path,
    eventLogDir: join(path, 'log'),
    quarantineDir: join(path, 'quarantine'),
    modelsDir: join(path, 'models'),
    runsDir: join(path, 'runs'),
    keysDir: join(path, 'keys'),
    metadataDir: join(path, 'metadata'),
    onlineStoreDir: join(path, 'online-store'),
    snapshotsDir: join(path, 'snapshots'),
    offlineDir: join(path, 'offline'),
    servedFeaturesDir: join(path, 'served-features'),
    storedListsDir: join(path, 'stored-lists'),
    answersDir: join(path, 'answers'),
  }
}

function readFormat(formatFile: string): number {
  try {
    const { format } = JSON.parse(readFileSync(formatFile, 'utf8')) as { format?: unknown }
    if (typeof format === 'number' && Number.isInteger(format)) return format
  } catch {
    // Not JSON: answered below, like a wrong shape.
  }
  throw new MillraceError(
    'DATA_FOLDER_UNUSABLE',
    `${formatFile} is damaged: expected {"format":${DATA_FOLDER_FORMAT}}.`,
    {
      fix: `If an older backup is not at hand, write {"format":${DATA_FOLDER_FORMAT}} into it; log and models are checked on their own.`,
    },
  )
}
