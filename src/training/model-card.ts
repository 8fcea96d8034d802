// The model card: what whoever puts a model in charge, or asks about one, should know. Mitchell et al., "Model cards for model reporting", FAT* 2019. Everything but intended use, limits
// and contact comes from what was recorded. A missing part is told as missing.
import type { GateReport } from '../domain/gate-report.ts'
import { gateTitle } from '../domain/gate-report.ts'
import type { CardSettings } from '../domain/gate-settings.ts'
import type { AliasMove, ModelAlias, ModelWeakSlice, RegisteredModel } from '../domain/registered-model.ts'

export interface ModelCard {
  readonly system: string
  readonly model: RegisteredModel
  readonly aliases: readonly ModelAlias[]
  readonly owner: string
  readonly card: CardSettings
  /** When the newest interaction happened that was learned from; undefined where it is not known. */
  readonly newestInteractionMs: number | undefined
  /** The offline tables as they were published when the card was made; training reads the log, up to the model's offset. */
  readonly tables: readonly { readonly table: string; readonly version: number }[]
  /** The newest report; undefined where no gates have judged the model. */
  readonly gates: GateReport | undefined
  /** That named or left it, newest first. */
  readonly moves: readonly AliasMove[]
}

/** The card as Markdown. */
export function modelCardMarkdown(card: ModelCard): string {
  const { model, system } = card
  return [
    `# Model card: ${system}, ${model.version}`,
    '',
    ...section('Intended use', [card.card.intendedUse ?? unsaid('intendedUse')]),
    ...section('Limits', [card.card.limits ?? unsaid('limits'), '', ...knownLimits(card).map((line) => `- ${line}`)]),
    ...section('Who answers for it', [
      `- Owner: ${card.owner}`,
      `- Contact: ${card.card.contact ?? unsaid('contact')}`,
    ]),
    ...section('What it is', recipeLines(card)),
    ...section('What it learned from', dataLines(card)),
    ...section('How good it was on held-out interactions', metricLines(model)),
    ...section('What the gates said', gateLines(card.gates)),
    ...section('What became of it', moveLines(card)),
  ].join('\n')
}

const section = (title: string, lines: readonly string[]): readonly string[] => [`## ${title}`, '', ...lines, '']

const unsaid = (field: string): string => `_Nobody has said: \`training.card.${field}\` of the system file._`

/** Those that follow from what was recorded. */
function knownLimits({ gates, model }: ModelCard): readonly string[] {
  const unjudged = gates?.results.filter(({ verdict }) => verdict === 'notJudged') ?? []
  return [
    'It knows only what happened before it was trained; newer items are shown by a rule of the placement.',
    ...(model.metrics.length === 0 ? ['It was never measured on held-out interactions.'] : []),
    ...(model.weakSlices ?? []).map(weakSliceText),
    ...unjudged.map((result) => `The gate ${gateTitle(result)} could not judge it: ${result.reason}.`),
  ]
}

const weakSliceText = ({
  of,
  conditions,
  unitCount,
  mean,
  difference,
  interval: [low, high],
}: ModelWeakSlice): string =>
  `It works worse for ${grouped(unitCount)} ${of} with ${conditions.join(' and ')}: ${of === 'users' ? 'NDCG' : 'recall'} ${mean.toFixed(4)}, which is ${(-difference).toFixed(4)} below the rest (95 %: ${(-high).toFixed(4)} … ${(-low).toFixed(4)}).`

const recipeLines = ({ model: { generators, lineage, userCount, itemCount, bundleBytes } }: ModelCard) => [
  `- Candidate generators: ${generators.map(({ name, kind }) => `${name} (${kind})`).join(', ') || 'none'}`,
  `- Size: ${grouped(userCount)} users, ${grouped(itemCount)} items, ${(bundleBytes / 1e6).toFixed(1)} MB`,
  `- Plan: \`${lineage.planHash}\``,
  `- Commit: ${lineage.commit === undefined ? 'outside a repository' : `\`${lineage.commit}\``}`,
  `- Seed: ${lineage.seed}; Millrace ${lineage.millraceVersion}`,
]

const dataLines = ({ model: { lineage }, newestInteractionMs, tables }: ModelCard) => [
  `- ${grouped(lineage.interactionCount)} interactions: the event log before offset ${grouped(lineage.nextOffset)}`,
  `- As of ${isoOf(lineage.asOfMs)}; the newest interaction happened ${newestInteractionMs === undefined ? 'at a moment that is not known' : isoOf(newestInteractionMs)}`,
  `- Published tables: ${tables.map(({ table, version }) => `${table} ${version}`).join(', ') || 'none'}`,
]

const metricLines = ({ metrics, slices = [] }: RegisteredModel): readonly string[] =>
  metrics.length === 0
    ? ['It was not measured.']
    : [
        '| metric | mean over users | 95 % interval |',
        '| --- | --- | --- |',
        ...[...metrics, ...slices.map((slice) => ({ ...slice, name: `NDCG, ${slice.name}` }))].map(
          ({ name, value, interval: [low, high] }) =>
            `| ${name} | ${value.toFixed(4)} | ${low.toFixed(4)} … ${high.toFixed(4)} |`,
        ),
      ]

const verdictWords = { passed: 'passed', failed: '**failed**', notJudged: 'not judged' } as const

function gateLines(report: GateReport | undefined): readonly string[] {
  if (!report) return ['No gates have judged it.']
  const { comparison, champion, results, passed, judgedAtMs, id } = report
  const beside = comparison ? `${comparison.champion} (${comparison.on})` : (champion ?? 'no model')
  return [
    `${passed ? 'Let through' : 'Refused'} at ${isoOf(judgedAtMs)}, beside ${beside}; report \`${id}\`.`,
    '',
    '| gate | verdict | what was measured |',
    '| --- | --- | --- |',
    ...results.map((result) => `| ${gateTitle(result)} | ${verdictWords[result.verdict]} | ${cell(result.reason)} |`),
  ]
}

function moveLines({ model, aliases, moves }: ModelCard): readonly string[] {
  return [
    `- ${model.status}; ${aliases.length === 0 ? 'no alias names it' : `it is the ${aliases.join(', the ')}`}`,
    ...moves.map(({ alias, to, atMs, decision: { by, why, override } }) => {
      const change = to === model.version ? `became ${alias}` : `is no longer ${alias}`
      return `- ${isoOf(atMs)}: ${change}; ${by}: ${why}${override === undefined ? '' : ` (overrides the gates: ${override})`}`
    }),
  ]
}

/** A bar would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()
const grouped = (count: number): string => count.toLocaleString('en-US')
