// millrace models: which models there are, which one serves, and putting another one in charge.
import { defineCommand } from 'citty'
import { openApp } from '../app.ts'
import { currentVersion, listVersions, readManifest, setCurrentVersion } from '../models/bundle.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'

const list = defineCommand({
  meta: { name: 'list', description: 'Every trained model, oldest first' },
  args: { ...appArguments, json: { type: 'boolean', description: 'Print JSON', default: false } },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const current = await currentVersion(app.modelsDir)
      const manifests = []
      for (const version of await listVersions(app.modelsDir))
        manifests.push(await readManifest(app.modelsDir, version))
      if (args.json) {
        console.log(
          JSON.stringify(manifests.map((manifest) => ({ ...manifest, inCharge: manifest.version === current }))),
        )
        return
      }
      if (manifests.length === 0) {
        console.log('No model has been trained yet. Run "millrace train".')
        return
      }
      printTable(
        ['version', 'in charge', 'interactions', 'items', 'metrics'],
        manifests.map((manifest) => [
          manifest.version,
          manifest.version === current ? 'yes' : '',
          manifest.lineage.interactionCount.toLocaleString('en-US'),
          manifest.itemCount.toLocaleString('en-US'),
          manifest.metrics.map((metric) => `${metric.name} ${metric.value.toFixed(4)}`).join(', '),
        ]),
      )
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
      const previous = await currentVersion(app.modelsDir)
      await setCurrentVersion(app.modelsDir, args.version)
      console.log(
        `${args.version} is in charge${previous && previous !== args.version ? `, in place of ${previous}` : ''}.`,
      )
    } finally {
      await app.close()
    }
  },
})

export default defineCommand({
  meta: { name: 'models', description: 'List the trained models and choose the one that serves' },
  subCommands: { list, use },
  default: 'list',
})
