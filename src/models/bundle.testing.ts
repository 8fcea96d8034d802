// A small bundle for tests that are about bundles, not about models.
import { type BundleContent, writeBundle } from './bundle.ts'

/** A model without generators. Another moment of training gives another version. */
export function emptyBundle(trainedAtMs: number): BundleContent {
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
  return { lineage, userCount: 2, itemIds: ['a'], metrics: [], generators: {} }
}

/** @returns its version */
export async function writeEmptyBundle(modelsDir: string, trainedAtMs: number): Promise<string> {
  return (await writeBundle(modelsDir, emptyBundle(trainedAtMs))).version
}
