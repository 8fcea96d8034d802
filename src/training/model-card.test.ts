import { expect, test } from 'vitest'
import { someGateReport } from '../ports/gate-reports.contract.ts'
import { someModel } from '../ports/model-registry.contract.ts'
import { type ModelCard, modelCardMarkdown } from './model-card.ts'

const card: ModelCard = {
  system: 'shop',
  model: { ...someModel('m1', 1_000), status: 'registered', registeredAtMs: 2_000 },
  aliases: ['champion'],
  owner: 'ml@shop.example',
  card: { intendedUse: 'The home page.' },
  newestInteractionMs: undefined,
  tables: [{ table: 'interactions', version: 4 }],
  gates: {
    ...someGateReport,
    results: [
      ...someGateReport.results,
      { gate: 'bias', subject: 'user.country', verdict: 'failed', measured: [], reason: 'a | b' },
    ],
  },
  moves: [
    {
      number: 1,
      alias: 'champion',
      to: 'm1',
      atMs: 3_000,
      decision: { by: 'ada', command: 'c', why: 'better', override: 'it is known' },
    },
  ],
}

test('what only people know and nobody said is told as missing', () => {
  const text = modelCardMarkdown(card)
  expect(text).toContain('## Intended use\n\nThe home page.')
  expect(text).toContain('_Nobody has said: `training.card.limits` of the system file._')
  expect(text).toContain('- Contact: _Nobody has said')
  expect(text).toContain('happened at a moment that is not known')
})

test('gates, overrides and limits of the judgement are told, and a bar ends no cell', () => {
  const text = modelCardMarkdown(card)
  expect(text).toContain('| bias (user.country) | **failed** | a \\| b |')
  expect(text).toContain('The gate memory could not judge it: no process.')
  expect(text).toContain('became champion; ada: better (overrides the gates: it is known)')
  expect(modelCardMarkdown({ ...card, gates: undefined })).toContain('No gates have judged it.')
  expect(modelCardMarkdown({ ...card, model: { ...card.model, metrics: [] } })).toContain('It was not measured.')
})
