// Run as a process of its own, to be killed: trains as "millrace train" does, or goes on with a run. node run-trainer.ts FOLDER train|resume [ID]
import { recordRun } from '../../src/app/record-run.ts'
import { goOnWithRun } from '../../src/app/run-work.ts'
import { requestOptions, trainingRun } from '../../src/app/training-run.ts'
import { openRunShop } from './run-shop.ts'

const [folder, act, id] = process.argv.slice(2) as [string, 'train' | 'resume', string]
const app = await openRunShop(folder)
// The gates would refuse so small a shop's models; that promoting survives kills, the registry's trials show.
const options = requestOptions({ threads: 1, evaluate: true, promote: false })
if (act === 'resume') await goOnWithRun(app, id, () => {})
else {
  const request = { trigger: 'hand', by: 'test', command: 'test', isDetached: false, options } as const
  await recordRun(app, { kind: 'train', request }, (recorder) => trainingRun(recorder))
}
await app.close()
