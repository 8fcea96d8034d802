// The whole system over a made shop, as `millrace dev` runs it: the log on disk, the model from its bundle, HTTP.
import { serve } from '../src/app/serve.ts'
import { trainModel } from '../src/app/train-model.ts'
import { readTrainingInput } from '../src/app/training-input.ts'
import { openApp } from '../src/app.ts'
import { systemClock } from '../src/lib/clock.ts'
import { jsonLogger } from '../src/lib/logger.ts'
import { makeShop, type ShopSize } from './load-shop.ts'
import { shopSystem } from './load-shop-system.ts'

const options = JSON.parse(process.argv[2]!) as ShopSize & { readonly seed: number; readonly dataDir: string }
const app = await openApp({ system: shopSystem, dataDir: options.dataDir })
const shop = makeShop(options, options.seed)
const batch = []
for (const { event } of shop.events()) {
  batch.push(event)
  if (batch.length === 5000) await app.log.append(batch.splice(0))
}
if (batch.length > 0) await app.log.append(batch)
await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a benchmark' })
const logger = jsonLogger({ clock: systemClock, write: (line) => process.stderr.write(line), level: 'warn' })
const running = await serve(app, { port: 0, logger })
await running.caughtUp()
console.log(JSON.stringify({ port: running.port }))
process.stdin.resume().on('end', async () => {
  await running.close()
  await app.close()
})
