// millrace models: which models there are, which one serves, and putting another one in charge.
import { defineCommand } from 'citty'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import {
  currentVersion,
  listVersions,
  type Manifest,
  readBundle,
  readManifest,
  setCurrentVersion,
} from '../models/bundle.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'

const list = defineCommand({
  meta: { name: 'list', description: 'Every trained model, oldest first' },
  args: { ...appArguments, json: { type: 'boolean', description: 'Print JSON', default: false } },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const current = await orProblem(currentVersion(app.modelsDir))
      const models: ListedModel[] = []
      for (const version of await listVersions(app.modelsDir)) {
        const manifest = await orProblem(readManifest(app.modelsDir, version))
        models.push({ version, isInCharge: version === current, manifest })
      }
      if (current instanceof MillraceError) console.error(`${current.code}: ${current.message}`)
      if (args.json) console.log(JSON.stringify(models.map(asJson)))
      else if (models.length === 0) console.log('No model has been trained yet. Run "millrace train".')
      else printTable(['version', 'in charge', 'interactions', 'items', 'metrics'], models.map(asRow))
    } finally {
      await app.close()
    }
  },
})

const use = defineCommand({
  meta: { name: 'use', description: 'Put a version in charge; running servers follow within a second' },
  args: {
    version: { type: 'positional', description: 'A version of "millrace models list"', required: true },
    ...appArguments,
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const previous = await orProblem(currentVersion(app.modelsDir))
      // Every byte is checked here, where somebody looks, and not at the next start of a server.
      await readBundle(app.modelsDir, args.version)
      await setCurrentVersion(app.modelsDir, args.version)
      const isOther = typeof previous === 'string' && previous !== args.version
      console.log(`${args.version} is in charge${isOther ? `, in place of ${previous}` : ''}.`)
    } finally {
      await app.close()
    }
  },
})

interface ListedModel {
  readonly version: string
  readonly isInCharge: boolean
  /** Or why it cannot be read. */
  readonly manifest: Manifest | MillraceError
}

function asRow({ version, isInCharge, manifest }: ListedModel): readonly string[] {
  const inCharge = isInCharge ? 'yes' : ''
  if (manifest instanceof MillraceError) return [version, inCharge, '', '', `${manifest.code}: ${manifest.message}`]
  return [
    version,
    inCharge,
    manifest.lineage.interactionCount.toLocaleString('en-US'),
    manifest.itemCount.toLocaleString('en-US'),
    manifest.metrics.map((metric) => `${metric.name} ${metric.value.toFixed(4)}`).join(', '),
  ]
}

function asJson({ version, isInCharge, manifest }: ListedModel): object {
  if (manifest instanceof MillraceError) return { version, inCharge: isInCharge, problem: manifest.message }
  return { ...manifest, inCharge: isInCharge }
}

/** What is damaged is told beside what is not: these commands are the way out of it. */
async function orProblem<Value>(reading: Promise<Value>): Promise<Value | MillraceError> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
}

export default defineCommand({
  meta: { name: 'models', description: 'List the trained models and choose the one that serves' },
  subCommands: { list, use },
  default: 'list',
})
