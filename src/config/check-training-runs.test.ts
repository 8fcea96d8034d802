import { describe, expect, test } from 'vitest'
import { popularity } from '../models/popularity/popularity.ts'
import { checkSystem } from './check-system.ts'
import { httpIngest } from './sources.ts'

const system = (training: object) =>
  checkSystem({
    name: 'shop',
    data: {
      owner: 'a',
      entities: { user: {}, item: {} },
      interactions: { view: { weight: 1 } },
      sources: { shop: httpIngest() },
    },
    training: { owner: 'a', candidates: { trending: popularity() }, ...training },
    serving: { owner: 'a', placements: { home: {} } },
    monitoring: { owner: 'a' },
  }).plan

describe('when training begins by itself, and what it may take', () => {
  test('are left out where nothing is said, so that plans without them keep their hash', () => {
    for (const name of ['schedule', 'retrainOn', 'limits']) expect(system({}).training).not.toHaveProperty(name)
  })

  test('are read in the units of the plan', () => {
    const said = {
      every: '1 day',
      retrainOn: { drift: true, staleAfter: '2 days' },
      limits: { memoryMb: 4096, threads: 2, time: '90 minutes' },
    }
    expect(system(said).training).toMatchObject({
      schedule: { everyMs: 86_400_000 },
      retrainOn: { newDay: false, drift: true, staleMs: 172_800_000 },
      limits: { memoryMb: 4096, threadCount: 2, wallSeconds: 5400 },
    })
    expect(system({ every: '0 4 * * *' }).training.schedule).toEqual({ cron: '0 4 * * *' })
  })

  test.each([
    [{ every: '10 seconds' }, 'training.every', 'at least 1 minute'],
    [{ every: 'nightly' }, 'training.every', 'cron pattern'],
    [{ every: '61 * * * *' }, 'training.every', 'no cron pattern'],
    [{ retrainOn: { newDays: true } }, 'training.retrainOn.newDays', 'unknown name'],
    [{ retrainOn: { drift: 0.1 } }, 'training.retrainOn.drift', 'true or false'],
    [{ retrainOn: { staleAfter: 3 } }, 'training.retrainOn.staleAfter', 'length of time'],
    [{ limits: { memoryMb: 1 } }, 'training.limits.memoryMb', 'from 64'],
    [{ limits: { threads: 1.5 } }, 'training.limits.threads', 'whole number'],
    [{ limits: { time: 'soon' } }, 'training.limits.time', 'length of time'],
    [{ evry: '1 day' }, 'training.evry', 'unknown name'],
  ])('are refused with their place: %j', (training, where, message) => {
    let problems: readonly { where: string; message: string }[] = []
    try {
      system(training)
    } catch (error) {
      problems = (error as { problems: typeof problems }).problems
    }
    expect(problems).toEqual([expect.objectContaining({ where, message: expect.stringContaining(message) })])
  })
})
