import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { testMetadataStore } from '../../ports/metadata-store.contract.ts'
import { openMetadataStore } from './metadata-store.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-metadata-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folderCount = 0
const freshFolder = (): string => join(root, String(folderCount++))

describe('embedded metadata store', () =>
  testMetadataStore(async () => {
    const folder = freshFolder()
    return {
      open: () => openMetadataStore({ folder }),
      remove: async () => rmSync(folder, { recursive: true }),
    }
  }))
