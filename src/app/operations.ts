// What a running system tells of itself over HTTP and in its metrics.
import type { App } from '../app.ts'
import type { AnswerRecorder } from '../data/answer-recorder.ts'
import type { ImpressionRecorder } from '../data/impression-recorder.ts'
import type { SourceRunner } from '../data/source-runner.ts'
import type { OperationFigures, Operations } from '../http/dependencies.ts'
import type { Logger } from '../lib/logger.ts'
import type { LiveModel } from './live-model.ts'
import type { RunningFeatures } from './run-features.ts'
import { checksSummary, lastChecks, sourceSummaries, systemStatus } from './system-status.ts'

export interface OperationsParts {
  readonly features: RunningFeatures | undefined
  /** Undefined where what was shown is not kept. */
  readonly impressions: Pick<ImpressionRecorder, 'counts'> | undefined
  /** Undefined where no records of answers are kept. */
  readonly answers?: Pick<AnswerRecorder, 'counts'> | undefined
  readonly liveModel: Pick<LiveModel, 'champion' | 'manifest' | 'problem'>
  /** Undefined until they are started, and where there are none. */
  readonly sources: () => SourceRunner | undefined
  readonly logger: Logger
}

export function operationsOf(
  app: App,
  { features, impressions, answers, liveModel, sources, logger }: OperationsParts,
): Operations {
  /** Metrics are asked for when something is wrong, too: what cannot be read is left out, and the log says why. */
  const orUndefined = async <T>(part: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read()
    } catch (error) {
      logger.warn('a part of the metrics cannot be read', { part, error })
      return undefined
    }
  }
  return {
    status: () => systemStatus(app, { sources: sources(), featureProblem: features?.problem(), liveModel }),
    sources: () => sourceSummaries(sources()),
    checks: async ({ limit, ...query }) => (await app.metadata()).checkResults.list({ ...query, limit }),
    skew: async () => (await app.servedFeatures()).lastReport(),
    figures: async (): Promise<OperationFigures> => ({
      features: features && {
        lag: await orUndefined('features', () => features.status()),
        failureCount: features.failureCount(),
        samples: features.sampleCounts(),
      },
      impressions: impressions?.counts(),
      answers: answers?.counts(),
      sources: (await orUndefined('sources', () => sourceSummaries(sources()))) ?? [],
      championAnswers:
        liveModel.champion === undefined ? undefined : liveModel.champion === liveModel.manifest?.version,
      checks: await orUndefined('checks', async () => checksSummary(await lastChecks(app))),
    }),
  }
}
