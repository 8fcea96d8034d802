// Makes the scheduled sources of a plan real: each with the adapter of its kind, and with its secrets from the environment.
import { resolve } from 'node:path'
import { catalogueApiSource } from '../adapters/catalogue-api/record-source.ts'
import { folderSource } from '../adapters/embedded/folder-source.ts'
import { postgresRecordSource } from '../adapters/postgres/record-source.ts'
import type { CatalogueApiPlan, FileSourcePlan, FolderSourcePlan, Plan, PostgresSourcePlan } from '../config/plan.ts'
import { fileRows } from '../data/file-rows.ts'
import { type ScheduledSourcePlan, scheduledSource } from '../data/scheduled-source.ts'
import type { ScheduledSource } from '../data/source-runner.ts'
import { MillraceError } from '../lib/errors.ts'
import type { RecordSource } from '../ports/record-source.ts'

export interface Surroundings {
  /** Of the system file. */
  readonly folder: string
  /** The value of an environment variable; asked at each pull. */
  readonly variable: (name: string) => string | undefined
}

/** Nothing is connected to before the first pull. */
export function openSources(plan: Plan, surroundings: Surroundings): readonly ScheduledSource[] {
  return Object.entries(plan.data.sources).flatMap(([name, source]) =>
    source.kind === 'http' || source.kind === 'file'
      ? []
      : [scheduledSource(plan, { name, source, records: recordSource(name, source, surroundings) })],
  )
}

function recordSource(name: string, source: ScheduledSourcePlan, surroundings: Surroundings): RecordSource {
  // The three kinds are all there is, and the compiler says so when a fourth comes.
  switch (source.kind) {
    case 'postgres':
      return postgres(name, source, surroundings)
    case 'catalogue-api':
      return catalogueApi(name, source, surroundings)
    case 'folder':
      return folder(name, source, surroundings)
  }
}

function postgres(name: string, { urlVariable, query, columns, pull }: PostgresSourcePlan, surroundings: Surroundings) {
  return postgresRecordSource({
    name,
    url: () => secret(name, urlVariable, surroundings),
    query,
    columns: Object.values(columns).map(String),
    ...(pull.mode === 'incremental' && { incremental: pull }),
  })
}

function catalogueApi(name: string, source: CatalogueApiPlan, surroundings: Surroundings): RecordSource {
  const { url, paging, rowsAt, columns, pull, requestsPerSecond, timeoutMs, authorization } = source
  return catalogueApiSource({
    name,
    url,
    paging,
    ...(rowsAt !== undefined && { rowsAt }),
    columns: Object.values(columns).map(String),
    mode: pull.mode,
    requestsPerSecond,
    timeoutMs,
    headers: () => {
      if (!authorization) return {}
      const { header, scheme, variable } = authorization
      return { [header]: `${scheme} ${secret(name, variable, surroundings)}`.trim() }
    },
  })
}

function folder(name: string, source: FolderSourcePlan, surroundings: Surroundings): RecordSource {
  const { path, files, settleMs, format, hasHeader, holds, columns, interaction, timeFormat } = source
  const file: FileSourcePlan = {
    kind: 'file',
    path,
    format,
    hasHeader,
    holds,
    columns,
    timeFormat,
    ...(interaction !== undefined && { interaction }),
  }
  return folderSource({
    name,
    folder: resolve(surroundings.folder, path),
    files,
    settleMs,
    readFile: (found) => fileRows(found, file),
  })
}

function secret(source: string, variable: string, surroundings: Surroundings): string {
  const value = surroundings.variable(variable)
  if (value !== undefined && value !== '') return value
  throw new MillraceError('SOURCE_SECRET_MISSING', `${source}: the environment variable ${variable} is not set.`, {
    fix: `Set ${variable} where Millrace is started, and start it again.`,
  })
}
