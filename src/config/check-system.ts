// From what a system file says to its Plan. Nothing is trusted: JavaScript users have no types, and types cannot see everything.
import type { RuleFunction } from '../domain/rule-function.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { checkData } from './check-data.ts'
import { checkCard, checkGates } from './check-gates.ts'
import { checkOwner } from './check-owner.ts'
import { checkPlacements, type PlacementNames } from './check-placements.ts'
import { checkRanker } from './check-ranker.ts'
import { checkTrainingRuns, trainingRunSettings } from './check-training-runs.ts'
import { describe, Inspection, type NameKind, pathOf } from './inspection.ts'
import type { AnswersPlan, AttributeType, GeneratorPlan, Plan } from './plan.ts'
import type { System } from './system.ts'

const generatorNames: NameKind = {
  noun: 'candidate generator',
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
  isRequired: true,
}

/**
 * The system that `options` describe.
 * @throws MillraceError CONFIG_INVALID with every problem, each with its path and the nearest valid name
 */
export function checkSystem(options: unknown): System {
  const inspection = new Inspection()
  const components = ['data', 'training', 'serving', 'monitoring'] as const
  const fields = inspection.fields(options, '', ['name', ...components])
  const name = inspection.text(
    fields.name,
    'name',
    'lower-case letters, digits and hyphens, beginning with a letter, at most 63',
    /^[a-z][a-z0-9-]{0,62}$/,
  )
  const data = checkData(fields.data, inspection)
  const training = checkTraining(fields.training, inspection, data)
  checkItemAttributes(training.generators, data.entities.item, inspection)
  const ruleFunctions: Record<string, RuleFunction> = {}
  const serving = checkServing(fields.serving, inspection, {
    ruleFunctions,
    data,
    generators: Object.keys(training.generators),
    hasRanker: training.ranker !== undefined,
  })
  const monitoring = inspection.fields(fields.monitoring, 'monitoring', ['owner'])
  const said = {
    name,
    data,
    training: training.plan,
    serving,
    monitoring: { owner: checkOwner(monitoring.owner, 'monitoring', inspection) },
  }
  if (inspection.problems.length > 0) throw invalid(name, inspection)
  const { generators, ranker } = training
  return {
    plan: { ...said, hash: contentHash(said) },
    generators,
    ...(ranker && { ranker }),
    ...(Object.keys(ruleFunctions).length > 0 && { ruleFunctions }),
  }
}

function invalid(name: string, inspection: Inspection): MillraceError {
  const count = inspection.problems.length
  return new MillraceError(
    'CONFIG_INVALID',
    `The system ${name === '' ? '' : `"${name}" `}has ${count} problem${count === 1 ? '' : 's'}.`,
    { problems: inspection.problems },
  )
}

function checkTraining(value: unknown, inspection: Inspection, data: Plan['data']) {
  const own = ['owner', 'seed', 'candidates', 'ranker', 'examples', 'gates', 'card']
  const fields = inspection.fields(value, 'training', [...own, ...trainingRunSettings])
  const where = 'training.candidates'
  const candidates: Record<string, GeneratorPlan> = {}
  const generators: Record<string, GeneratorKind> = {}
  for (const [name, kind] of Object.entries(inspection.named(fields.candidates, where, generatorNames))) {
    if (!isGeneratorKind(kind)) {
      inspection.report(
        pathOf(where, name),
        `found ${describe(kind)}, expected a candidate generator such as ials() or popularity().`,
      )
    } else {
      candidates[name] = { kind: kind.kind, options: kind.options }
      inspection.plainOptions(kind.options, pathOf(where, name))
    }
    generators[name] = kind as GeneratorKind
  }
  const seed = fields.seed === undefined ? 1 : inspection.number(fields.seed, 'training.seed', seedRange)
  const ranker = checkRanker(fields, inspection, { generators: Object.keys(generators), features: data.features })
  const plan = {
    owner: checkOwner(fields.owner, 'training', inspection),
    seed,
    candidates,
    ...ranker.plan,
    ...checkTrainingRuns(fields, inspection),
    gates: checkGates(fields.gates, inspection, data.entities),
    card: checkCard(fields.card, inspection),
  }
  return { plan, generators, ranker: ranker.kind }
}

/** Types of attributes that hold words. */
const wordTypes: readonly AttributeType[] = ['text', 'category', 'tags']

/** What generators learn of items must be declared, and be words. */
function checkItemAttributes(
  generators: Readonly<Record<string, GeneratorKind>>,
  declared: Plan['data']['entities']['item'],
  inspection: Inspection,
): void {
  const usable = Object.keys(declared).filter((name) => wordTypes.includes(declared[name]!.type))
  for (const [generator, kind] of Object.entries(generators)) {
    const where = `${pathOf('training.candidates', generator)}.attributes`
    if (kind?.itemAttributes?.length === 0) inspection.report(where, 'found no attribute, expected at least one.')
    for (const name of kind?.itemAttributes ?? []) {
      const type = Object.hasOwn(declared, name) ? declared[name]!.type : undefined
      if (type === undefined || !wordTypes.includes(type)) {
        inspection.report(
          where,
          type === undefined
            ? `data.entities.item has no attribute "${name}".`
            : `"${name}" is ${type}(), expected text(), category() or tags().`,
          suggestName(name, usable),
        )
      }
    }
  }
}

const seedRange = { low: 0, high: 4_294_967_295, isInteger: true }

function isGeneratorKind(value: unknown): value is GeneratorKind {
  const kind = value as Partial<GeneratorKind> | null
  const hasOptions = typeof kind?.options === 'object' && kind.options !== null
  return hasOptions && typeof kind.kind === 'string' && typeof kind.train === 'function'
}

function checkServing(
  value: unknown,
  inspection: Inspection,
  known: Pick<PlacementNames, 'generators' | 'hasRanker' | 'ruleFunctions'> & { readonly data: Plan['data'] },
): Plan['serving'] {
  const fields = inspection.fields(value, 'serving', ['owner', 'placements', 'budgetMs', 'impressions', 'answers'])
  return {
    owner: checkOwner(fields.owner, 'serving', inspection),
    placements: checkPlacements(fields.placements, inspection, {
      item: known.data.entities.item,
      interactions: Object.keys(known.data.interactions),
      generators: known.generators,
      hasRanker: known.hasRanker,
      ruleFunctions: known.ruleFunctions,
    }),
    budgetMs:
      fields.budgetMs === undefined
        ? 100
        : inspection.number(fields.budgetMs, 'serving.budgetMs', { low: 1, high: 60_000, isInteger: true }),
    ...checkImpressions(fields.impressions, inspection),
    ...checkAnswers(fields.answers, inspection),
  }
}

function checkImpressions(value: unknown, inspection: Inspection): Pick<Plan['serving'], 'impressions'> {
  if (value === undefined || value === false) return {}
  if (value === true) return { impressions: { servedShare: 1 } }
  const where = 'serving.impressions'
  const { servedShare = 1 } = inspection.fields(value, where, ['servedShare'])
  return { impressions: { servedShare: inspection.number(servedShare, `${where}.servedShare`, { low: 0, high: 1 }) } }
}

/** A week is time enough to ask why; one answer in a hundred shows what is wrong with the ranker's rows. */
const defaultAnswers: AnswersPlan = { candidateShare: 0.01, maxAgeMs: 7 * 86_400_000, maxBytes: 1e9 }

function checkAnswers(value: unknown, inspection: Inspection): Pick<Plan['serving'], 'answers'> {
  if (value === false) return {}
  if (value === undefined || value === true) return { answers: defaultAnswers }
  const where = 'serving.answers'
  const fields = inspection.fields(value, where, ['candidateShare', 'maxAge', 'maxBytes'])
  const { candidateShare = defaultAnswers.candidateShare, maxAge, maxBytes = defaultAnswers.maxBytes } = fields
  const bytesRange = { low: 1_000_000, high: Number.MAX_SAFE_INTEGER, isInteger: true }
  return {
    answers: {
      candidateShare: inspection.number(candidateShare, `${where}.candidateShare`, { low: 0, high: 1 }),
      maxAgeMs: maxAge === undefined ? defaultAnswers.maxAgeMs : inspection.duration(maxAge, `${where}.maxAge`),
      maxBytes: inspection.number(maxBytes, `${where}.maxBytes`, bytesRange),
    },
  }
}
