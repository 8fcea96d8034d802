import { itemNeighbours, popularity, readTrainingInput } from 'millrace'
import { expect, test } from 'vitest'
import { openTestApp } from '../../test/system.testing.ts'
import { evaluateModels } from './evaluate-models.ts'

const DAY_MS = 86_400_000

test("a generator called like a baseline keeps its own settings, and one with a baseline's settings is trained once", async () => {
  // The half-life makes the newest item the most popular one, where all interactions ever would choose the oldest.
  const app = await openTestApp({ popularity: popularity({ halfLifeDays: 1 }), near: itemNeighbours() })
  try {
    const rows = Array.from({ length: 60 }, (_, n) => ({
      interaction: 'view',
      userId: `u${n % 12}`,
      itemId: n < 40 ? `old${n % 2}` : `new${n % 5}`,
      eventTime: Date.UTC(2026, 0, 1) + n * DAY_MS,
    }))
    await app.ingest.acceptEvents(rows, { source: 'http', where: 'test' })
    const trained: string[] = []
    const log = (line: string): void => void trained.push(...(/^training (.*) \(/.exec(line)?.slice(1) ?? []))
    const { models } = await evaluateModels(app, await readTrainingInput(app), { log, testShare: 0.2 })
    const ndcgOf = (name: string) => models.find((model) => model.name === name)!.metrics.ndcg.mean
    expect(models.map(({ name }) => name)).toEqual([
      'placement home',
      'popularity',
      'near',
      'popularity (baseline)',
      'item neighbours',
    ])
    expect(ndcgOf('popularity')).toBeGreaterThan(ndcgOf('popularity (baseline)'))
    expect(ndcgOf('item neighbours')).toBe(ndcgOf('near'))
    expect(trained).toEqual(['popularity', 'near', 'popularity'])
  } finally {
    await app.close()
  }
})
