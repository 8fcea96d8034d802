import { expect, test } from 'vitest'
import { openTestApp } from '../../test/system.testing.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { evaluateOnHeldOut } from './evaluate-models.ts'
import { trainModel } from './train-model.ts'
import { readTrainingInput } from './training-input.ts'

const DAY_MS = 86_400_000

// Everybody is shown what is popular. Users of DE go on to choose that, those of FR items that nobody chose before.
test('users of a country for whom the list is empty of what they chose are found, and kept with the model', async () => {
  const app = await openTestApp({ trending: popularity() })
  try {
    const startMs = Date.UTC(2026, 0, 1)
    const country = (n: number): string => (n % 4 === 0 ? 'FR' : 'DE')
    const users = Array.from({ length: 400 }, (_, n) => ({
      entity: 'user' as const,
      entityId: `u${n}`,
      change: 'put' as const,
      attributes: { country: country(n) },
      eventTime: startMs,
    }))
    const view = (n: number, itemId: string, timeMs: number) => ({
      interaction: 'view',
      userId: `u${n}`,
      itemId,
      eventTime: timeMs,
    })
    const before = Array.from({ length: 400 }, (_, n) => view(n, `hit${n % 5}`, startMs + n))
    const after = Array.from({ length: 400 }, (_, n) =>
      view(n, country(n) === 'DE' ? `hit${(n + 1) % 5}` : `odd${n % 40}`, startMs + DAY_MS + n),
    )
    await app.ingest.acceptEntityChanges(users, { source: 'http', where: 'test' })
    await app.ingest.acceptEvents([...before, ...after], { source: 'http', where: 'test' })
    const input = await readTrainingInput(app)
    const log = (): void => {}
    const evaluation = await evaluateOnHeldOut(app, input, { splitAtMs: startMs + DAY_MS, log })
    const { users: found } = evaluation.slices
    expect(found.weak).toMatchObject([{ conditions: ['user.country = FR'], unitCount: 100, mean: 0 }])
    expect(found.weak[0]!.interval[1]).toBeLessThan(-0.3)
    const { version } = await trainModel(app, input, { log, evaluation })
    const { weakSlices } = await (await app.models()).find(version, { isThorough: false })
    expect(weakSlices!.find(({ of }) => of === 'users')).toMatchObject({ conditions: ['user.country = FR'] })
  } finally {
    await app.close()
  }
})
