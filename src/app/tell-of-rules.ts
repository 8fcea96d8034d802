import type { Logger } from '../lib/logger.ts'
import type { AnswerObservation } from '../serving/recommendation-service.ts'

/** Says once of each rule that is code how it failed; how often is counted in the metrics. A rule that fails fails thousands of times an hour. */
export function tellOfRules(
  logger: Logger,
): (observation: Pick<AnswerObservation, 'ruleFailures' | 'response'>) => void {
  const told = new Set<string>()
  return ({ ruleFailures, response: { placement } }) => {
    for (const { rule, error } of ruleFailures) {
      if (told.has(rule)) continue
      told.add(rule)
      logger.error('answers are made without a rule that fails', { rule, placement, error })
    }
  }
}
