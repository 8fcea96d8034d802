// What `import ... from 'millrace'` offers: the words of a system file, and what a program needs to run one.

export { type OnnxRanker, type OnnxRankerOptions, openOnnxRanker } from './adapters/onnx/ranker.ts'
export { type OnnxRankerSettings, onnxRanker } from './adapters/onnx/ranker-kind.ts'
export type { BatchReport } from './app/batch-run.ts'
export type { DataCheck } from './app/check-data.ts'
export type { EvaluatedFunnel } from './app/evaluate-funnel.ts'
export type { EvaluateOptions } from './app/evaluate-models.ts'
export type { MakeListsOptions } from './app/make-lists.ts'
export type { ImportanceOptions } from './app/measure-importance.ts'
export type { BackfillProgress } from './app/open-features.ts'
export {
  checkData,
  evaluateFunnel,
  evaluateModels,
  explainRecommendation,
  importSources,
  makeLists,
  measureImportance,
  openApp,
  openFeatures,
  openTables,
  readTrainingInput,
  replayAnswers,
  serve,
  trainModel,
  trainWithGates,
} from './app/programs.ts'
export type { AnswerDifference, ReplayedAnswer, ReplayOptions } from './app/replay-answers.ts'
export type { RunningSystem, ServeOptions } from './app/serve.ts'
export type { TrainModelOptions } from './app/train-model.ts'
export type { GatedTraining, TrainWithGatesOptions } from './app/train-with-gates.ts'
export type { TrainingInput } from './app/training-input.ts'
export type { App, OpenAppOptions } from './app.ts'
export type { Attribute, AttributeOptions } from './config/attributes.ts'
export { boolean, category, integer, number, tags, text, timestamp } from './config/attributes.ts'
export type { CardOptions, GateOptions } from './config/check-gates.ts'
export type { ExampleOptions, InteractionOptions, PlacementOptions, SystemOptions } from './config/define-system.ts'
export { defineSystem } from './config/define-system.ts'
export type { Feature } from './config/features.ts'
export {
  attribute,
  count,
  cross,
  distinct,
  last,
  maximum,
  mean,
  minimum,
  rate,
  ratioToGroup,
  sessionMean,
  share,
  similarity,
  since,
  sum,
} from './config/features.ts'
export { loadSystem } from './config/load-system.ts'
export type { Plan } from './config/plan.ts'
export type { Rule } from './config/rules.ts'
export {
  atLeast,
  atMost,
  blocked,
  boost,
  bury,
  explore,
  inStock,
  notInteracted,
  only,
  pin,
  rotate,
  rule,
  spread,
} from './config/rules.ts'
export { type ShopFeatureOptions, shopFeatures } from './config/shop-features.ts'
export type {
  CatalogueApiOptions,
  CronPattern,
  FileSourceOptions,
  FolderSourceOptions,
  PostgresSourceOptions,
  Source,
} from './config/sources.ts'
export { catalogueApi, fileSource, folderSource, httpIngest, postgresSource } from './config/sources.ts'
export type { System } from './config/system.ts'
export type { OfflineTables } from './data/tables/offline-tables.ts'
export { type CheckResult, describeCheck } from './domain/check.ts'
export type { ToldAnswer } from './domain/explained-answer.ts'
export type { FeatureDefinition } from './domain/feature.ts'
export type { GateReport } from './domain/gate-report.ts'
export type { RuleContext, RuleFunction, RuleItem } from './domain/rule-function.ts'
export type { RuleTrace } from './domain/rule-trace.ts'
export { type Clock, systemClock } from './lib/clock.ts'
export type { Duration } from './lib/duration.ts'
export type { ErrorCode } from './lib/error-catalogue.ts'
export type { Problem } from './lib/errors.ts'
export { describeError, MillraceError } from './lib/errors.ts'
export { content } from './models/content/content.ts'
export { graphFilter } from './models/graph-filter/graph-filter.ts'
export { ials } from './models/ials/ials.ts'
export { itemNeighbours } from './models/item-neighbours/item-neighbours.ts'
export { itemTransitions } from './models/item-transitions/item-transitions.ts'
export { lambdaMart } from './models/lambda-mart/lambda-mart.ts'
export { type LightgbmRankerSettings, lightgbmRanker } from './models/lightgbm/lightgbm-ranker.ts'
export { popularity } from './models/popularity/popularity.ts'
export { rp3beta } from './models/rp3beta/rp3beta.ts'
export { sessionNeighbours } from './models/session-neighbours/session-neighbours.ts'
export { withRanges } from './models/with-ranges.ts'
export type {
  Artifacts,
  CandidateGenerator,
  Candidates,
  GeneratorKind,
  History,
  ItemSet,
  TrainContext,
  TunableRange,
} from './ports/candidate-generator.ts'
export { type DescribeAnswerOptions, describeAnswer } from './training/answer-text.ts'
export { describeFunnel, type FunnelReport } from './training/evaluate-funnel.ts'
export { describeEvaluation, type EvaluationReport } from './training/evaluation-report.ts'
export { describeExplanation, type ExplainedRecommendation } from './training/explanation.ts'
export { describeGates } from './training/gates/judge.ts'
export { describeMeasuredImportance, type MeasuredImportance } from './training/measured-importance.ts'
export type { Promotion, RegisteredModels } from './training/registered-models.ts'
