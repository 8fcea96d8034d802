import { expect, test } from 'vitest'
import { defaultGateSettings } from '../domain/gate-settings.ts'
import { checkCard, checkGates } from './check-gates.ts'
import { Inspection } from './inspection.ts'

const entities = {
  user: {
    country: { type: 'category', isOptional: true },
    isMember: { type: 'boolean', isOptional: true },
    age: { type: 'number', isOptional: true },
  },
  item: { shelf: { type: 'category', isOptional: false } },
} as const

function checked(gates: unknown) {
  const inspection = new Inspection()
  return { settings: checkGates(gates, inspection, entities), problems: inspection.problems }
}

test('left out, every gate is on, and groups are the categories of users and what is popular', () => {
  const by = ['user.country', 'user.isMember', 'item popularity']
  expect(checked(undefined)).toEqual({
    settings: { ...defaultGateSettings, bias: { ...defaultGateSettings.bias, by } },
    problems: [],
  })
  expect(checked({}).settings).toEqual(checked(undefined).settings)
})

test('what is given replaces its default only, and false turns a gate off', () => {
  const { settings, problems } = checked({
    accuracy: { metric: 'recall' },
    bias: { by: ['item.shelf'], gap: 0.3 },
    latencyMsP99: 10,
    memoryMb: false,
    leak: false,
    staleness: { age: '30 days' },
    card: 'required',
    notJudged: 'refuse',
    usersMin: 200,
  })
  expect(problems).toEqual([])
  expect(settings).toEqual({
    ...defaultGateSettings,
    accuracy: { metric: 'recall', margin: 0.02 },
    bias: { by: ['item.shelf'], gap: 0.3, exposureGap: 0.99 },
    latencyMsP99: 10,
    memoryMb: false,
    leak: false,
    staleness: { behindMs: 7 * 86_400_000, ageMs: 30 * 86_400_000 },
    card: 'required',
    notJudged: 'refuse',
    usersMin: 200,
  })
  expect(checked(false).settings).toMatchObject({ accuracy: false, sanity: false, bias: false, latencyMsP99: false })
})

test('everything that is wrong is told at once, with its place', () => {
  const { problems } = checked({
    acuracy: {},
    accuracy: { metric: 'ndgc', margin: 2 },
    bias: { by: ['user.county', 'user.age'], gap: 0 },
    latencyMsP99: -1,
    staleness: { behind: 'soon' },
    card: true,
    usersMin: 5,
  })
  expect(problems.map(({ where }) => where)).toEqual([
    'training.gates.acuracy',
    'training.gates.accuracy.metric',
    'training.gates.accuracy.margin',
    'training.gates.bias.by[0]',
    'training.gates.bias.by[1]',
    'training.gates.bias.gap',
    'training.gates.latencyMsP99',
    'training.gates.staleness.behind',
    'training.gates.card',
    'training.gates.usersMin',
  ])
  expect(problems[3]!.fix).toContain('user.country')
  expect(checked(true).problems).toHaveLength(1)
})

test('a card keeps what it says, and an empty or unknown field is told', () => {
  const inspection = new Inspection()
  const card = { intendedUse: 'The home page.', contact: 'ml@shop.example' }
  expect(checkCard(card, inspection)).toEqual(card)
  expect(inspection.problems).toEqual([])
  checkCard({ limits: ' ', owner: 'x' }, inspection)
  expect(inspection.problems.map(({ where }) => where)).toEqual(['training.card.owner', 'training.card.limits'])
})
