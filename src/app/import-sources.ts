// Imports the files that the system file names.
import type { App } from '../app.ts'
import { filesToImport } from '../data/files-to-import.ts'
import { type FileAccount, type ImportProgress, importFile } from '../data/import.ts'

/**
 * One file after the other: entities before interactions, so that an item's attributes are there when its first interaction is.
 * @returns an account per file, in the order they were read
 * @throws MillraceError IMPORT_SOURCE_UNKNOWN where the system file names none
 */
export async function importSources(
  app: App,
  options: { readonly onProgress?: (progress: ImportProgress) => void } = {},
): Promise<readonly FileAccount[]> {
  const accounts: FileAccount[] = []
  for (const file of filesToImport(app.plan, { wanted: [], folder: app.projectDir, description: {} })) {
    accounts.push(await importFile(file, { ...app, ...options }))
  }
  return accounts
}
