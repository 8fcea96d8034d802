// The whole system, as `millrace dev` runs it, for the ingest benchmark: log on disk, live state following it.
import { serve } from '../src/app/serve.ts'
import { openApp } from '../src/app.ts'
import { ingestSystem } from './ingest-system.ts'

const { dataDir } = JSON.parse(process.argv[2]!) as { readonly dataDir: string }
const app = await openApp({ system: ingestSystem, dataDir })
const running = await serve(app, { port: 0 })
console.log(JSON.stringify({ port: running.port }))
process.stdin.resume().on('end', async () => {
  await running.caughtUp()
  const { nextOffset } = await app.log.bounds()
  await running.close()
  await app.close()
  console.log(JSON.stringify({ storedCount: nextOffset }))
})
