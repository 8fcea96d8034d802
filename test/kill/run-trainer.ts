// Run as a process of its own, to be killed: trains as "millrace train" does, tunes as "millrace tune" does, makes lists as "millrace batch" does, or goes on with a run.
// node run-trainer.ts FOLDER train|measure|tune|batch|resume [ID]
import { batchRequest, batchRun } from '../../src/app/batch-run.ts'
import { recordRun } from '../../src/app/record-run.ts'
import { goOnWithRun } from '../../src/app/run-work.ts'
import { requestOptions, trainingRun } from '../../src/app/training-run.ts'
import { tuningOptions, tuningRun } from '../../src/app/tuning-run.ts'
import { openRunShop } from './run-shop.ts'

const [folder, act, id] = process.argv.slice(2) as [string, 'train' | 'measure' | 'tune' | 'batch' | 'resume', string]
const app = await openRunShop(folder)
const isMeasured = act === 'measure'
// The gates would refuse so small a shop's models; what kills do to promoting, the registry's trials show as well.
const override = isMeasured ? undefined : 'a trial'
const request = { trigger: 'hand', by: 'test', command: 'test', isDetached: false } as const
if (act === 'resume') await goOnWithRun(app, id, () => {})
else if (act === 'tune') {
  const options = tuningOptions({ target: 'factors', trials: 8, threads: 1 })
  await recordRun(app, { kind: 'tune', request: { ...request, options } }, (recorder) => tuningRun(recorder))
} else if (act === 'batch') {
  const options = batchRequest({ placements: ['home'] })
  await recordRun(app, { kind: 'batch', request: { ...request, options } }, (recorder) => batchRun(recorder))
} else {
  const options = requestOptions({ threads: 1, evaluate: isMeasured, promote: false, override })
  await recordRun(app, { kind: 'train', request: { ...request, options } }, (recorder) => trainingRun(recorder))
}
await app.close()
