// Goal: a running server explains as the command line does, tells what a run has measured, and for whom a model is worse. Method: a made shop with a ranker and
// features, served; the explanation from the server's own features is held against the one for which the log is played again.
import { explainRecommendation, openApp, readTrainingInput, serve, trainWithGates } from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importanceRequest, importanceRun } from '../src/app/importance-run.ts'
import { recordRun } from '../src/app/record-run.ts'
import { executeRun } from '../src/app/run-work.ts'
import type { RunningSystem } from '../src/app/serve.ts'
import type { App } from '../src/app.ts'
import { readManifest } from '../src/models/bundle.ts'
import { filledShop, rankedSystem } from './ranked-shop.testing.ts'

let app: App
let running: RunningSystem
let version: string
beforeAll(async () => {
  app = await filledShop({ ...rankedSystem() }, 0.01)
  const trained = await trainWithGates(app, await readTrainingInput(app), { promote: false, log: () => {} })
  version = trained.manifest.version
  const decision = { by: 'a test', command: 'a test', why: 'a test', override: 'a test' }
  await (await app.models()).promote({ version, decision })
  running = await serve(app, { port: 0 })
  await running.featuresCaughtUp()
}, 30_000)
afterAll(async () => {
  await running.close()
  await app.close()
})

const get = async (path: string) => {
  const answer = await fetch(`${running.url}${path}`)
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  return { status: answer.status, body: (await answer.json()) as any }
}

test('the server explains by its own features what playing the log again explains', async () => {
  const { status, body } = await get('/v1/explain?userId=u1&limit=5')
  expect(status).toBe(200)
  const { version: of, items, explained, candidateCount } = await explainRecommendation(app, { userId: 'u1', limit: 5 })
  expect(of).toBe(version)
  expect(body).toMatchObject({ version, candidateCount, explained: { itemId: explained.itemId, place: 1 } })
  expect(body.items).toEqual(items)
  expect(body.explained.contributions.map(({ featureName }: { featureName: string }) => featureName)).toContain(
    'item_views',
  )
  const last = items.at(-1)!.itemId
  expect((await get(`/v1/explain?userId=u1&itemId=${last}&version=${version}`)).body.explained).toMatchObject({
    itemId: last,
    place: items.length,
  })
})

test('users and items that nobody knows, and models that are not there, are refused by name', async () => {
  expect(await get('/v1/explain?userId=stranger')).toMatchObject({ status: 404, body: { code: 'USER_UNKNOWN' } })
  expect(await get('/v1/explain?userId=u1&itemId=x')).toMatchObject({ status: 404, body: { code: 'NO_CANDIDATE' } })
  for (const path of ['/v1/explain?userId=u1&version=x', '/v1/models/x/importance', '/v1/models/x/slices']) {
    expect(await get(path), path).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } })
  }
})

test('importance is the gains until a run has measured more, whoever began it', async () => {
  const before = (await get(`/v1/models/${version}/importance`)).body
  expect(before.measured).toBeUndefined()
  const { ranker } = await readManifest(app.modelsDir, version)
  expect(before.gain).toHaveLength(ranker!.featureNames.length)
  const request = { trigger: 'hand', by: 'a test', command: 'a test', isDetached: false } as const
  const options = importanceRequest({ version: undefined, permutation: true, testShare: 0.2, questionCountMax: 40 })
  expect(options).not.toHaveProperty('version')
  const measured = await recordRun(app, { kind: 'importance', request: { ...request, options } }, importanceRun)
  const { body } = await get(`/v1/models/${version}/importance`)
  expect(body.measured.permutation).toMatchObject({ ranker: 'trainedAnew', questionCount: 40 })
  expect(body.measured.permutation.losses[0]).toMatchObject({
    featureName: measured.permutation!.losses[0]!.featureName,
    mean: measured.permutation!.losses[0]!.loss.mean,
  })
  const run = (await get(`/v1/runs/${body.measured.run}`)).body
  expect(run).toMatchObject({ kind: 'importance', state: 'succeeded', modelVersion: version })
  expect(run.metrics).toHaveLength(ranker!.featureNames.length)
})

test('a queued run of importance is done by the process that executes it, and says what it lacks', async () => {
  const answer = await fetch(`${running.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'importance', reason: 'what does it need?', version }),
  })
  expect(answer.status).toBe(202)
  const { id, options } = (await answer.json()) as { id: string; options: object }
  expect(options).toEqual({ version, permutation: true, leaveOneOut: false })
  const { runs } = await app.metadata()
  await runs.change(id, ['queued'], { state: 'running', attempt: 1 })
  // The model has learned from everything there is.
  await expect(executeRun(app, id)).rejects.toMatchObject({ code: 'NOTHING_TO_TRAIN_ON' })
  expect((await get(`/v1/runs/${id}`)).body).toMatchObject({
    state: 'failed',
    failure: { code: 'NOTHING_TO_TRAIN_ON' },
  })
})

test('a model keeps for whom it was worse', async () => {
  const { body } = await get(`/v1/models/${version}/slices`)
  expect(body.slices.map(({ name }: { name: string }) => name)).toContain('frequent users')
  expect(Array.isArray(body.weakSlices)).toBe(true)
})

test("another system file's features make an explanation impossible, and it says which", async () => {
  const changed = await openApp({ system: rankedSystem(1, '14 days'), dataDir: app.dataDir, clock: app.clock })
  try {
    await expect(explainRecommendation(changed, { userId: 'u1' })).rejects.toMatchObject({
      code: 'MODEL_MISMATCH',
      httpStatus: 409,
    })
  } finally {
    await changed.close()
  }
})
