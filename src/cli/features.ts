// millrace features: what is computed of users and items, and what it is now or was at an earlier moment.
import { defineCommand } from 'citty'
import { featuresAsOf } from '../app/features-as-of.ts'
import { openFeatures } from '../app/open-features.ts'
import { type App, openApp } from '../app.ts'
import { type FeatureDefinition, type FeatureFormula, sufficesFor } from '../domain/feature.ts'
import { featureText, plainFeatureValue } from '../domain/feature-value.ts'
import { durationText } from '../lib/duration.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'
import { timeArgument } from './time-argument.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const

const list = defineCommand({
  meta: { name: 'list', description: 'Every feature of the system file' },
  args: { ...appArguments, json },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { features } = app.plan.data
      if (args.json) console.log(JSON.stringify(features))
      else if (features.length === 0) console.log(NO_FEATURES)
      else {
        printTable(
          ['name', 'family', 'by', 'window', 'version', 'owner'],
          features.map(({ name, formula, version, owner }) => {
            return [name, formula.family, formula.by, windowText(formula), version, owner]
          }),
        )
      }
    } finally {
      await app.close()
    }
  },
})

const show = defineCommand({
  meta: { name: 'show', description: 'One feature: what it is made of, and which versions of it there were' },
  args: {
    name: { type: 'positional', description: 'A name of "millrace features list"', required: true },
    ...appArguments,
    json,
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const feature = featureCalled(args.name, app.plan.data.features)
      const versions = await (await app.metadata()).featureVersions.list(feature.name)
      if (args.json) {
        console.log(JSON.stringify({ ...feature, versions }))
        return
      }
      const { name, description, formula, version, owner, ttlMs } = feature
      const { family, by, ...made } = formula
      printTable(
        [name, description],
        [
          ['owner', owner],
          ['version', version],
          ['family', family],
          ['by', by],
          ...Object.entries(made).map(([key, value]) => partText(key, value)),
          ...(ttlMs === undefined ? [] : [['stale after', durationText(ttlMs)]]),
          ...(feature.default === undefined ? [] : [['default', String(feature.default)]]),
        ],
      )
      if (versions.length === 0) return
      console.log('')
      printTable(
        ['version', 'state', 'computed since', 'answered since', 'until'],
        versions.map((one) => [
          one.version,
          one.state,
          isoText(one.createdAtMs),
          one.activatedAtMs === undefined ? '–' : isoText(one.activatedAtMs),
          one.retiredAtMs === undefined ? '–' : isoText(one.retiredAtMs),
        ]),
      )
    } finally {
      await app.close()
    }
  },
})

const value = defineCommand({
  meta: { name: 'value', description: 'What the features of a user, an item or both are now, or were' },
  args: {
    user: { type: 'string', description: 'Id of a user' },
    item: { type: 'string', description: 'Id of an item' },
    feature: { type: 'string', description: 'Names, separated by commas (default: all that the ids suffice for)' },
    at: { type: 'string', description: 'An earlier moment, such as 2026-03-31T12:00Z: the values of a training row' },
    asKnownNow: {
      type: 'boolean',
      description: 'With --at: what came late counts from when it happened, not from when it was known',
      default: false,
    },
    ...appArguments,
    json,
  },
  async run({ args }) {
    if (args.user === undefined && args.item === undefined) {
      throw new MillraceError('CLI_USAGE', 'Nothing says whose features are meant.', {
        fix: 'Add "--user ID", "--item ID" or both.',
      })
    }
    if (args.asKnownNow && args.at === undefined) {
      throw new MillraceError('CLI_USAGE', '"--as-known-now" is about an earlier moment, and none is given.', {
        fix: 'Add "--at MOMENT", or leave it out.',
      })
    }
    const asOf =
      args.at === undefined ? undefined : { asOfMs: timeArgument('at', args.at), asKnownNow: args.asKnownNow }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const all = app.plan.data.features
      const chosen =
        args.feature === undefined
          ? all.filter((feature) => sufficesFor({ userId: args.user, itemId: args.item }, feature))
          : args.feature.split(',').map((name) => featureCalled(name.trim(), all))
      if (chosen.length === 0) {
        console.log(all.length === 0 ? NO_FEATURES : 'No feature is about that alone; give "--user" and "--item".')
        return
      }
      const entity = { ...(args.user && { userId: args.user }), ...(args.item && { itemId: args.item }) }
      const earlier = asOf && (await featuresAsOf(app, { features: chosen, entity, ...asOf }))
      const { asOfMs, rows } = earlier ?? (await featuresNow(app, chosen, entity))
      const readings = chosen.map(({ name }, i) => ({ name, ...rows[0]![i]! }))
      if (args.json) {
        const plain = readings.map((reading) => ({
          ...reading,
          value: reading.value === undefined ? undefined : plainFeatureValue(reading.value),
        }))
        const { firstOffset } = earlier ?? {}
        console.log(JSON.stringify({ asOf: new Date(asOfMs).toISOString(), firstOffset, features: plain }))
        return
      }
      printTable(
        ['feature', 'value', 'newest event'],
        readings.map(({ name, newestEventTimeMs, ...reading }) => {
          return [name, featureText(reading), newestEventTimeMs === undefined ? '–' : isoText(newestEventTimeMs)]
        }),
      )
      if (earlier !== undefined && earlier.firstOffset > 0) {
        console.log(
          `The log begins at event ${earlier.firstOffset}: what was removed before is missing from these values. Training sets have it from the offline tables.`,
        )
      }
    } finally {
      await app.close()
    }
  },
})

export default defineCommand({
  meta: { name: 'features', description: 'List and explain features, and read their values' },
  subCommands: { list, show, value },
  default: 'list',
})

async function featuresNow(
  app: App,
  chosen: readonly FeatureDefinition[],
  entity: { readonly userId?: string; readonly itemId?: string },
) {
  const reader = await openFeatures(app)
  return reader.read({ features: chosen.map(({ name }) => name), entities: [entity] })
}

const NO_FEATURES = 'The system file defines no features. See "features" in the guide.'

function featureCalled(name: string, features: readonly FeatureDefinition[]): FeatureDefinition {
  const feature = features.find((one) => one.name === name)
  if (feature) return feature
  throw new MillraceError('FEATURE_UNKNOWN', `No feature is called ${JSON.stringify(name)}.`, {
    fix: suggestName(
      name,
      features.map((one) => one.name),
    ),
  })
}

const isoText = (timeMs: number): string => new Date(timeMs).toISOString()

const windowText = (formula: FeatureFormula): string => ('windowMs' in formula ? durationText(formula.windowMs) : '–')

/** A part of a formula, lengths of time as people write them. */
function partText(key: string, value: unknown): readonly [string, string] {
  if (key.endsWith('Ms')) return [key.slice(0, -2), durationText(value as number)]
  if (Array.isArray(value)) return [key, value.join(', ')]
  if (typeof value === 'object' && value !== null && 'entity' in value && 'attribute' in value) {
    return [key, `${value.entity}.${value.attribute}`]
  }
  return [key, String(value)]
}
