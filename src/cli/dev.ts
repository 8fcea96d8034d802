// millrace dev: the whole system in one process, until it is told to stop.
import { defineCommand } from 'citty'
import { serve } from '../app/serve.ts'
import { openApp } from '../app.ts'
import { jsonLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'
import { portNumber, serverArguments, untilStopped } from './server-arguments.ts'

/** Long enough for busy clients to finish on their connections, short enough not to be noticed at Ctrl+C. */
const DRAIN_MS = 300

export default defineCommand({
  meta: { name: 'dev', description: 'Run the whole system in one process' },
  args: {
    ...appArguments,
    ...serverArguments,
  },
  async run({ args }) {
    const port = portNumber(args.port)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    const logger = jsonLogger({ clock: app.clock, write: (line) => process.stderr.write(line) })
    let running: Awaited<ReturnType<typeof serve>>
    try {
      running = await serve(app, {
        logger,
        host: args.host,
        port,
        requireKey: args.requireKey,
        limits: { drainMs: DRAIN_MS },
        ...(args.allowOrigin ? { allowedOrigins: args.allowOrigin.split(',') } : {}),
      })
    } catch (error) {
      await app.close()
      throw error
    }
    const model = running.service.model
    console.log(`${app.plan.name} answers on ${running.url}`)
    const problem = running.modelProblem()
    console.log(model ? `model ${model.version}${problem === undefined ? '' : `. ${problem}`}` : withoutModel(problem))
    console.log(
      `try: curl -s ${running.url}/v1/recommend -H 'content-type: application/json' -d '${exampleRequest(app.plan)}'`,
    )
    console.log(`API: ${running.url}/openapi.json   metrics: ${running.url}/metrics   stop: Ctrl+C`)
    await untilStopped(() => process.exit(130))
    await running.close()
    await app.close()
  },
})

const withoutModel = (problem: string | undefined): string =>
  problem === undefined
    ? 'no model yet: popular items until "millrace train" has run'
    : `popular items only. ${problem}`

function exampleRequest(plan: {
  readonly serving: { readonly placements: Readonly<Record<string, { readonly pattern: string }>> }
}): string {
  const [placement] = Object.entries(plan.serving.placements).find(([, { pattern }]) => pattern !== 'embedding') ?? [
    'home',
  ]
  return JSON.stringify({ placement })
}
