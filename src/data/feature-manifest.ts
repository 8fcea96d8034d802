// Which state the online store holds and which definitions are answered from it. State lies in layers: formulas that began together and read the log
// together. A changed definition is a new version, which is built in a layer beside the others and takes over when it has caught up.
import type { FeatureDefinition, FeatureFormula } from '../domain/feature.ts'
import type { VersionedFormula } from '../domain/feature-state/layout.ts'
import { FEATURE_STATE_FORMAT } from '../domain/feature-state/record-format.ts'

export interface LayerPlan {
  /** Never used again. */
  readonly id: number
  readonly formulas: readonly VersionedFormula[]
}

export interface FeatureManifest {
  readonly format: number
  /** One more with every change; 0 where there is none yet. */
  readonly revision: number
  readonly nextLayerId: number
  /** Layers that answers come from. */
  readonly serving: readonly LayerPlan[]
  /** The definitions that are answered; every version is in a serving layer. */
  readonly active: readonly FeatureDefinition[]
  /** What takes over once its layer has caught up. */
  readonly building: { readonly layer: LayerPlan; readonly definitions: readonly FeatureDefinition[] } | undefined
  /** Ids of layers nobody reads, whose records are still being removed. */
  readonly clearing: readonly number[]
}

/** Of the manifest's record; a layer's records are in `layerSpace`. */
export const MANIFEST_SPACE = 'features'
export const MANIFEST_KEY = 'manifest'
/** Its revision alone, for readers that know the manifest and only ask whether it still holds. */
export const REVISION_KEY = 'revision'
export const layerSpace = (id: number): string => `features-${id}`

/** Layers after which everything is built anew in one: each costs every reader one more look-up per entity. */
const SERVING_LAYER_COUNT_MAX = 4

export const emptyManifest: FeatureManifest = {
  format: FEATURE_STATE_FORMAT,
  revision: 0,
  nextLayerId: 1,
  serving: [],
  active: [],
  building: undefined,
  clearing: [],
}

/** The manifest that leads from the present one to these definitions. Equal to the present one where there is nothing to do. */
export function plannedManifest(present: FeatureManifest, definitions: readonly FeatureDefinition[]): FeatureManifest {
  const ready = versionsOf(present.serving.flatMap(({ formulas }) => formulas))
  const lacking = uniqueFormulas(definitions).filter(({ version }) => !ready.has(version))
  if (lacking.length === 0) {
    return withoutUnread({ ...present, active: definitions, building: undefined }, present.building?.layer)
  }
  const active = activeMeanwhile(present, definitions, ready)
  const isStartingOver = present.serving.length >= SERVING_LAYER_COUNT_MAX
  const formulas = isStartingOver ? uniqueFormulas(definitions) : lacking
  if (present.building !== undefined && haveSameVersions(present.building.layer.formulas, formulas)) {
    return { ...present, active, building: { layer: present.building.layer, definitions } }
  }
  const layer = { id: present.nextLayerId, formulas }
  const planned = { ...present, nextLayerId: layer.id + 1, active, building: { layer, definitions } }
  return withoutUnread(planned, present.building?.layer)
}

/** The building layer has caught up: its definitions are answered from now on. */
export function takenOver(present: FeatureManifest): FeatureManifest {
  const { layer, definitions } = present.building!
  return withoutUnread(
    { ...present, serving: [...present.serving, layer], active: definitions, building: undefined },
    undefined,
  )
}

/** Serving layer by version: the newest that has it. */
export function layerByVersion(serving: readonly LayerPlan[]): ReadonlyMap<string, LayerPlan> {
  return new Map(serving.flatMap((layer) => layer.formulas.map(({ version }) => [version, layer] as const)))
}

/** Until the new versions are ready, the old ones answer under the same names. */
function activeMeanwhile(
  present: FeatureManifest,
  definitions: readonly FeatureDefinition[],
  ready: ReadonlySet<string>,
): FeatureDefinition[] {
  const old = new Map(present.active.map((definition) => [definition.name, definition]))
  const candidates = definitions.flatMap((definition) => {
    const chosen = ready.has(definition.version) ? definition : old.get(definition.name)
    return chosen === undefined ? [] : [chosen]
  })
  const names = new Set(candidates.map(({ name }) => name))
  return candidates.filter(({ formula }) => sharesOf(formula).every((name) => names.has(name)))
}

/** Names of the features that a pair feature is made of. */
export function sharesOf(formula: FeatureFormula): readonly string[] {
  if (formula.family === 'cross') return [formula.share]
  return formula.family === 'similarity' ? [formula.user, formula.item] : []
}

/** Moves serving layers that no active version is answered from, and `abandoned`, to those that are cleared. */
function withoutUnread(manifest: FeatureManifest, abandoned: LayerPlan | undefined): FeatureManifest {
  const layers = layerByVersion(manifest.serving)
  const read = new Set(manifest.active.map(({ version }) => layers.get(version)!.id))
  const unread = manifest.serving.filter(({ id }) => !read.has(id)).map(({ id }) => id)
  return {
    ...manifest,
    serving: manifest.serving.filter(({ id }) => read.has(id)),
    clearing: [...manifest.clearing, ...unread, ...(abandoned === undefined ? [] : [abandoned.id])],
  }
}

function uniqueFormulas(definitions: readonly FeatureDefinition[]): VersionedFormula[] {
  const byVersion = new Map(definitions.map(({ version, formula }) => [version, { version, formula }]))
  return [...byVersion.values()].sort((a, b) => (a.version < b.version ? -1 : 1))
}

const versionsOf = (formulas: readonly VersionedFormula[]) => new Set(formulas.map(({ version }) => version))

function haveSameVersions(some: readonly VersionedFormula[], others: readonly VersionedFormula[]): boolean {
  const versions = versionsOf(some)
  return versions.size === versionsOf(others).size && others.every(({ version }) => versions.has(version))
}
