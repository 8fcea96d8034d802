// From files to a model that answers: the bundle's arrays meet the generator kinds of the system file.
import { MillraceError } from '../lib/errors.ts'
import type { CandidateGenerator, GeneratorKind } from '../ports/candidate-generator.ts'
import { type LoadedBundle, type Manifest, readBundle } from './bundle.ts'
import type { ServingModel } from './serving-model.ts'

export interface OpenedModel {
  readonly model: ServingModel
  readonly manifest: Manifest
}

/**
 * Loads a version. Generators that the system file no longer names are left out; those it names and the bundle lacks are simply not there yet.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER, MODEL_MISMATCH
 */
export async function openBundle(
  modelsDir: string,
  version: string,
  kinds: Readonly<Record<string, GeneratorKind>>,
): Promise<OpenedModel> {
  const bundle = await readBundle(modelsDir, version)
  return { model: modelOf(bundle, kinds), manifest: bundle.manifest }
}

/** As `openBundle`, of a bundle that was read. @throws MillraceError MODEL_MISMATCH */
export function modelOf(
  { manifest, itemIds, artifacts }: LoadedBundle,
  kinds: Readonly<Record<string, GeneratorKind>>,
): ServingModel {
  const { version } = manifest
  const generators = new Map<string, CandidateGenerator>()
  for (const [name, trained] of Object.entries(manifest.generators)) {
    const kind = kinds[name]
    if (!kind) continue
    if (kind.kind !== trained.kind) {
      throw new MillraceError(
        'MODEL_MISMATCH',
        `Model ${version} holds ${name} as ${trained.kind}, and the system file says ${kind.kind}.`,
        { fix: 'Train again with "millrace train".' },
      )
    }
    // As trained, not as the system file says today: the arrays belong to those settings.
    generators.set(name, kind.with(trained.options).open(artifacts[name]!, { itemCount: itemIds.length }))
  }
  return { version, itemIds, generators }
}
