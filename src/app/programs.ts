// What `millrace` offers to run a system with. A system file imports `millrace` for its words alone, and every command reads one: so the server, the
// stores and the training behind these are loaded by the first call. On the two-core machine that halves
// the processor time of a small command, from 1.1 s to 0.5 s.

/** Opens a system's stores. */
export const openApp = onCall(async () => (await import('../app.ts')).openApp)

/** Reads every source of a system once. */
export const importSources = onCall(async () => (await import('./import-sources.ts')).importSources)

/** Brings the features up to date with the log. */
export const openFeatures = onCall(async () => (await import('./open-features.ts')).openFeatures)

/** The system's offline tables. */
export const openTables = onCall(async () => (await import('./open-tables.ts')).openTables)

/** Compares a whole day with the days before. */
export const checkData = onCall(async () => (await import('./check-data.ts')).checkData)

/** What there is to learn from. */
export const readTrainingInput = onCall(async () => (await import('./training-input.ts')).readTrainingInput)

/** Trains a model on everything, and registers it. */
export const trainModel = onCall(async () => (await import('./train-model.ts')).trainModel)

/** Trains a model and has the gates judge it. */
export const trainWithGates = onCall(async () => (await import('./train-with-gates.ts')).trainWithGates)

/** Measures the candidate generators on what was held out. */
export const evaluateModels = onCall(async () => (await import('./evaluate-models.ts')).evaluateModels)

/** Measures candidates and ranker together on what was held out. */
export const evaluateFunnel = onCall(async () => (await import('./evaluate-funnel.ts')).evaluateFunnel)

/** Why an item would be ranked first. */
export const explainRecommendation = onCall(
  async () => (await import('./explain-recommendation.ts')).explainRecommendation,
)

/** Makes the lists of every user ahead of time, as a recorded run. */
export const makeLists = onCall(async () => (await import('./make-lists.ts')).makeLists)

/** Computes answers that went out again, and tells what differs. */
export const replayAnswers = onCall(async () => (await import('./replay-answers.ts')).replayAnswers)

/** What the ranking loses without each feature. */
export const measureImportance = onCall(async () => (await import('./measure-importance.ts')).measureImportance)

/** Answers over HTTP. */
export const serve = onCall(async () => (await import('./serve.ts')).serve)

/** The function that `load` finds, found by the first call. */
function onCall<Arguments extends readonly unknown[], Result>(
  load: () => Promise<(...given: Arguments) => Promise<Result>>,
): (...given: Arguments) => Promise<Result> {
  return async (...given) => (await load())(...given)
}
