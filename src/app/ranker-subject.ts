// Tuning of the ranker: examples are made once, from the windows that a training before the test part would have and two more, of which one compares and one confirms.
import type { App } from '../app.ts'
import { lightestWeight } from '../domain/interaction-weight.ts'
import type { JsonValue } from '../lib/json.ts'
import { onFirstUse } from '../lib/on-first-use.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { rankerTrials, trialWindows } from '../training/ranker-trials.ts'
import { withPastFeatures } from './past-features.ts'
import { type TuningSubject, tooFewToCut, withoutTestPart } from './tuning-subject.ts'

export function rankerSubject(app: App, name: string, kind: RankerKind): TuningSubject {
  const { training, data } = app.plan
  const plan = training.examples!
  return {
    name,
    kind: kind.kind,
    options: kind.options,
    tunable: kind.tunable,
    cut(table, { metric, k, ...context }, earlier) {
      const test = withoutTestPart(table, earlier)
      const windows = test && trialWindows(test.train, plan)
      if (!test || !windows) throw tooFewToCut(table)
      const input = {
        table: test.train,
        generators: app.system.generators,
        plan,
        lightestWeight: lightestWeight(data.interactions),
        context,
      }
      // By the first trial, so that they count towards the time of the search.
      const trials = onFirstUse(() =>
        withPastFeatures(app, (features) => rankerTrials({ ...input, features }, windows, k)),
      )
      return {
        facts: {
          testAtMs: test.splitAtMs,
          validationAtMs: windows.validation.fromMs,
          confirmationAtMs: windows.confirmation.fromMs,
          interactionCount: test.train.weights.length,
          // Whatever the rows are made of.
          ...({ examples: plan, candidates: training.candidates } as unknown as Record<string, JsonValue>),
          features: data.features.map(({ name, version }) => `${name} ${version}`),
        },
        validate: async (settings, share) =>
          (await (await trials.get()).validate(kind.with(settings), share)).values[metric],
        confirm: async (settings) => (await (await trials.get()).confirm(kind.with(settings))).values[metric],
      }
    },
  }
}
