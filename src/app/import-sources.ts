// Imports the files that the system file names.
import { resolve } from 'node:path'
import type { App } from '../app.ts'
import { type FileAccount, type ImportProgress, importFile } from '../data/import.ts'

/**
 * One file after the other: entities before interactions, so that an item's attributes are there when its first interaction is.
 * @returns an account per file, in the order they were read
 */
export async function importSources(
  app: App,
  options: { readonly onProgress?: (progress: ImportProgress) => void } = {},
): Promise<readonly FileAccount[]> {
  const accounts: FileAccount[] = []
  const sources = Object.entries(app.plan.data.sources).flatMap(([sourceName, source]) =>
    source.kind === 'file' ? [{ sourceName, source }] : [],
  )
  const isLate = (holds: string): number => (holds === 'interactions' ? 1 : 0)
  sources.sort((a, b) => isLate(a.source.holds) - isLate(b.source.holds))
  for (const { sourceName, source } of sources) {
    const path = resolve(app.projectDir, source.path)
    accounts.push(await importFile({ sourceName, source, path, isDefined: true }, { ...app, ...options }))
  }
  return accounts
}
