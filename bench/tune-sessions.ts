// node bench/tune-sessions.ts KIND [--trials N] [--seed S]: how the settings for sessions were found: on the newest sessions of Diginetica's train
// part, the test part is never looked at.
import { parseArgs } from 'node:util'
import { meanOf } from '../src/lib/bootstrap.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import { sessionNeighbours } from '../src/models/session-neighbours/session-neighbours.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import { tune } from '../src/training/tune.ts'
import { digineticaValidation } from './diginetica.ts'
import { assessNextItem } from './next-item.ts'

const kinds: Readonly<Record<string, GeneratorKind>> = {
  'session-neighbours': sessionNeighbours(),
  'item-transitions': itemTransitions(),
}
/** Every so many questions: enough to tell settings apart, in seconds. */
const QUESTION_STEP = 4

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { trials: { type: 'string' }, seed: { type: 'string' } },
})
const kind = kinds[positionals[0] ?? '']
const task = digineticaValidation(0.07)
if (!kind) {
  console.error(`Give a kind: ${Object.keys(kinds).join(', ')}.`)
  process.exitCode = 64
} else if ('skipped' in task) console.log(`skipped: ${task.skipped}`)
else {
  const sample = { ...task, questions: task.questions.filter((_, q) => q % QUESTION_STEP === 0) }
  const assess = async (candidate: GeneratorKind): Promise<number> => {
    const { hits, reciprocalRanks, answerMs } = await assessNextItem(candidate, sample, 20)
    const [precision, mrr] = [100 * meanOf(hits), 100 * meanOf(reciprocalRanks)]
    console.log(
      `P@20 ${precision.toFixed(2)} MRR@20 ${mrr.toFixed(2)} ${answerMs.mean.toFixed(2)} ms ${JSON.stringify(candidate.options)}`,
    )
    // The bars that both must meet bring them to one scale.
    return precision / 48 + mrr / 16.5
  }
  const trials = await tune(kind, assess, { seed: Number(values.seed ?? 1), trialCount: Number(values.trials ?? 30) })
  console.log(`best: ${JSON.stringify(trials[0]!.options)}`)
}
