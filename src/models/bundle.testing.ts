// A small bundle for tests that are about bundles, not about models.
import { writeBundle } from './bundle.ts'

/** Writes a model without generators. @returns its version; another moment of training gives another one */
export async function writeEmptyBundle(modelsDir: string, trainedAtMs: number): Promise<string> {
  const lineage = {
    planHash: 'f'.repeat(64),
    commit: undefined,
    millraceVersion: '0.1.0',
    seed: 1,
    nextOffset: 10,
    interactionCount: 9,
    trainedAtMs,
    asOfMs: 5,
  }
  const content = { lineage, userCount: 2, itemIds: ['a'], metrics: [], generators: {} }
  return (await writeBundle(modelsDir, content)).version
}
