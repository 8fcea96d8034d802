// Goal: every gate says what it must of evidence that is known, and refuses a sound model as seldom as it promises. Method: made arrays, most of them drawn with a seed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lettingThrough, refusalWords } from '../../domain/gate-report.ts'
import { seededRng } from '../../lib/rng.ts'
import { binomialUpperTail } from '../../lib/tail-probabilities.ts'
import { accuracyGates, type RecipeSpread, recipeSpread } from './accuracy.ts'
import { itemBiasGate, userBiasGate } from './bias.ts'
import { calibrationGate, expectedCalibrationError } from './calibration.ts'
import { leakGate } from './leak.ts'
import { popularityGate } from './popularity.ts'
import { type RankedEvidence, rankedLeakGate, rankingGate } from './ranking.ts'
import { cardGate, dataGate, stalenessGate } from './readiness.ts'
import { featuresGate, sanityGate } from './sanity.ts'
import { latencyGate, memoryGate } from './serving-cost.ts'

const accuracy = { metric: 'ndcg', margin: 0.02, usersMin: 50, spread: recipeSpread.generators } as const
const bias = { gap: 0.5, exposureGap: 0.9, metric: 'ndcg', usersMin: 50 } as const

/** As NDCG is: many zeros, the rest up to 1. */
const qualities = (rng: ReturnType<typeof seededRng>, count: number, hitShare = 0.4, scale = 1): Float64Array =>
  Float64Array.from({ length: count }, () => (rng.next() < hitShare ? scale * rng.next() : 0))
const plus = (values: Float64Array, difference: (user: number) => number): Float64Array =>
  values.map((value, user) => value + difference(user))

describe('accuracy', () => {
  const rng = seededRng(1)
  const champion = qualities(rng, 400)

  test('a loss beyond the margin is refused, one within it is not, and noise is neither', () => {
    const verdictOf = (candidate: Float64Array) =>
      accuracyGates({ all: { candidate, champion }, slices: {} }, accuracy)[0]
    expect(verdictOf(champion)).toMatchObject({ verdict: 'passed', measured: [{ value: 0 }], userCount: 400 })
    // The mean is near 0.2: 0.03 is a loss of 15 %, and 0.001 one of half a percent that no user varies from.
    expect(verdictOf(plus(champion, () => -0.03))).toMatchObject({ verdict: 'failed' })
    expect(verdictOf(plus(champion, () => -0.001))).toMatchObject({ verdict: 'passed' })
    const noisy = verdictOf(plus(champion, (user) => (user % 2 === 0 ? 0.3 : -0.3)))
    expect(noisy).toMatchObject({ verdict: 'notJudged' })
    expect(noisy!.reason).toMatch(/too few to tell a loss of .*; about [\d,]+ users would tell/)
  })

  test('between ranked lists chance is given more room: a loss that refuses lists of generators is too little to tell', () => {
    const candidate = plus(champion, (user) => (user % 2 === 0 ? 0.16 : -0.24))
    const verdictWith = (spread: RecipeSpread) =>
      accuracyGates({ all: { candidate, champion }, slices: {} }, { ...accuracy, spread })[0]!.verdict
    // 0.04 at a standard error of 0.01: 3.3 of them where it is a fifth wider, 1.7 where it is 2.4 times as wide.
    expect(verdictWith(recipeSpread.generators)).toBe('failed')
    expect(verdictWith(recipeSpread.ranker)).toBe('notJudged')
  })

  test('a loss on one slice refuses, and the slice is named', () => {
    const candidate = plus(champion, (user) => (user < 100 ? -0.1 : 0))
    const part = (from: number, to: number) => ({
      candidate: candidate.slice(from, to),
      champion: champion.slice(from, to),
    })
    const slices = { 'new users': part(0, 100), 'old users': part(100, 390), few: part(390, 400) }
    const [, result] = accuracyGates({ all: { candidate, champion }, slices }, accuracy)
    expect(result).toMatchObject({ gate: 'slices', verdict: 'failed' })
    expect(result!.reason).toMatch(/^2 slices, 1 worse, 0 undecided. 1 with fewer than 50 users. new users: /)
  })

  test('few users judge nothing, and say how many are needed', () => {
    const few = champion.slice(0, 12)
    const results = accuracyGates({ all: { candidate: few, champion: few }, slices: {} }, accuracy)
    expect(results[0]).toMatchObject({ verdict: 'notJudged', reason: '12 users, 50 needed' })
    expect(lettingThrough(results, 'allow')).toBe(true)
    expect(lettingThrough(results, 'refuse')).toBe(false)
    expect(refusalWords(results)[0]).toEqual({ where: 'accuracy', message: '12 users, 50 needed.' })
  })

  // Promised: at most 0.5 % of equally good models are refused, all slices together. Of 1,000 that is 5; 22 or more would come by chance for fewer than one seed in a million.
  test('an equally good model is refused as seldom as promised, all slices together', () => {
    const trials = 1000
    const draw = seededRng(20_261_125)
    let refusedCount = 0
    for (let trial = 0; trial < trials; trial++) {
      const base = qualities(draw, 120)
      const other = base.map((value) => (draw.next() < 0.5 ? value : qualities(draw, 1)[0]!))
      const part = (from: number, to: number) => ({ candidate: other.slice(from, to), champion: base.slice(from, to) })
      const slices = { a: part(0, 60), b: part(60, 120), c: part(30, 90) }
      const results = accuracyGates({ all: { candidate: other, champion: base }, slices }, { ...accuracy, margin: 0 })
      if (results.some(({ verdict }) => verdict === 'failed')) refusedCount++
    }
    expect(binomialUpperTail(22, trials, 0.005)).toBeLessThan(1e-6)
    expect(refusedCount).toBeLessThan(22)
  })
})

test('popularity must be beaten, unless it is what the shop asks for', () => {
  const rng = seededRng(2)
  const popularity = qualities(rng, 2000, 0.2)
  const settings = { metric: 'ndcg', usersMin: 50 } as const
  const verdictOf = (model: Float64Array, leadsWithPopularity = false) =>
    popularityGate({ model, popularity, leadsWithPopularity }, settings).verdict
  expect(verdictOf(plus(popularity, (user) => (user % 3 === 0 ? 0.1 : 0)))).toBe('passed')
  expect(verdictOf(popularity)).toBe('failed')
  expect(verdictOf(plus(popularity, (user) => (user % 2 === 0 ? -0.1 : 0.05)))).toBe('failed')
  expect(verdictOf(popularity, true)).toBe('notJudged')
  expect(popularityGate({ model: [1], popularity: [0], leadsWithPopularity: false }, settings).verdict).toBe(
    'notJudged',
  )
})

describe('ranking', () => {
  const rng = seededRng(11)
  const leading = qualities(rng, 400, 0.3)
  const judged = (ranked: Float64Array, given: Partial<RankedEvidence> = {}) =>
    rankingGate(
      {
        k: 20,
        ranked,
        generators: { leading, other: qualities(seededRng(12), 400, 0.3) },
        leadingName: 'leading',
        questionCount: 900,
        notFiniteCount: 0,
        comparedCount: 890,
        constantCount: 3,
        ...given,
      },
      { usersMin: 50 },
    )

  test('a ranked list must not be worse than the order that it stands in for', () => {
    expect(judged(plus(leading, (user) => (user % 3 === 0 ? 0.1 : 0)))).toMatchObject({ verdict: 'passed' })
    expect(judged(leading)).toMatchObject({ verdict: 'passed', reason: expect.stringContaining('no worse') })
    expect(judged(plus(leading, (user) => (user % 2 === 0 ? -0.1 : 0.02)))).toMatchObject({ verdict: 'failed' })
    // A hundredth is no reason, however many users it is.
    expect(judged(leading.map((value) => 0.99 * value))).toMatchObject({ verdict: 'passed' })
    expect(judged(new Float64Array(400), { generators: { leading: new Float64Array(400) } })).toMatchObject({
      verdict: 'notJudged',
    })
    expect(judged(leading.slice(0, 20), { generators: { leading: leading.slice(0, 20) } })).toMatchObject({
      verdict: 'notJudged',
    })
  })

  test('a ranker that has no say of its own is refused, with what it gave', () => {
    expect(judged(leading, { notFiniteCount: 1 })).toMatchObject({
      verdict: 'failed',
      reason: 'the ranker gave 1 of 900 lists scores that are no finite numbers',
    })
    expect(judged(leading, { constantCount: 850 })).toMatchObject({ verdict: 'failed' })
  })

  // Promised: 0.5 %. Of 1,000 that is 5; 22 or more would come by chance for fewer than one seed in a million.
  test('one that is as good is refused as seldom as promised', () => {
    const draw = seededRng(13)
    let refusedCount = 0
    for (let trial = 0; trial < 1000; trial++) {
      const base = qualities(draw, 100)
      const other = base.map((value) => (draw.next() < 0.5 ? value : qualities(draw, 1)[0]!))
      const swap = base.map((value, user) => (draw.next() < 0.5 ? value : other[user]!))
      const mirrored = base.map((value, user) => (swap[user] === value ? other[user]! : value))
      if (judged(swap, { generators: { leading: mirrored } }).verdict === 'failed') refusedCount++
    }
    expect(binomialUpperTail(22, 1000, 0.005)).toBeLessThan(1e-6)
    expect(refusedCount).toBeLessThan(22)
  })

  test('a list that knows the answer is called a leak, one that puts generators together is not', () => {
    const best = qualities(seededRng(14), 400, 0.1)
    const judgedLeak = (ranked: Float64Array) =>
      rankedLeakGate(
        {
          k: 20,
          ranked,
          generators: { best },
          leadingName: 'best',
          questionCount: 900,
          notFiniteCount: 0,
          comparedCount: 900,
          constantCount: 0,
        },
        { level: 0.9, jump: 2, usersMin: 50 },
      )
    expect(judgedLeak(best.map((value) => 2 * value))).toMatchObject({ verdict: 'passed', subject: 'ranked list' })
    expect(judgedLeak(best.map((value) => 6 * value))).toMatchObject({ verdict: 'failed' })
    expect(judgedLeak(new Float64Array(400).fill(0.97))).toMatchObject({ verdict: 'failed' })
  })
})

test('a leap over the champion or the best baseline is called a leak, a step is not', () => {
  const rng = seededRng(3)
  const champion = qualities(rng, 300, 0.2)
  const settings = { level: 0.9, jump: 2, metric: 'ndcg', usersMin: 50 } as const
  const judged = (scale: number, baseline = champion) => {
    const model = champion.map((value) => scale * value)
    return leakGate(
      { model, baselines: { popularity: baseline }, overChampion: { candidate: model, champion } },
      settings,
    )
  }
  expect(judged(1.5).verdict).toBe('passed')
  expect(judged(2.6).reason).toMatch(/more than 2 times the [\d.]+ of popularity; more than 2 times the champion's/)
  expect(leakGate({ model: new Float64Array(60).fill(0.95), baselines: {} }, settings).verdict).toBe('failed')
})

describe('bias', () => {
  const groups = (sizes: Readonly<Record<string, number>>, scales: Readonly<Record<string, number>>, seed = 4) => {
    const rng = seededRng(seed)
    const entries = Object.entries(sizes).map(
      ([name, count]) => [name, qualities(rng, count, 0.4, scales[name] ?? 1)] as const,
    )
    return { attribute: 'user.country', valuesByGroup: new Map(entries) }
  }

  test('a group of users that gets far less than all others is named, small ones are counted', () => {
    const result = userBiasGate(groups({ DE: 300, FR: 200, IT: 20 }, { FR: 0.1 }), bias)
    expect(result).toMatchObject({ verdict: 'failed', subject: 'user.country', bound: 0.5 })
    expect(result.reason).toMatch(/for FR \(200 users\).*beyond the bound of 50.0 %; 1 of 3 groups/)
    expect(userBiasGate(groups({ DE: 300, FR: 200 }, { FR: 0.8 }), bias).verdict).toBe('passed')
    expect(userBiasGate(groups({ DE: 300, FR: 20 }, {}), bias).verdict).toBe('notJudged')
    expect(userBiasGate(groups({ DE: 300, FR: 100 }, { FR: 0 }), bias).verdict).toBe('failed')
  })

  // The gap is exactly the bound: 0.5 % may be refused. Of 1,000 that is 5; 22 or more for fewer than one seed in a million.
  test('a gap at the bound is refused as seldom as promised', () => {
    let refusedCount = 0
    for (let trial = 0; trial < 1000; trial++) {
      if (userBiasGate(groups({ DE: 150, FR: 60 }, { FR: 0.5 }, 1000 + trial), bias).verdict === 'failed')
        refusedCount++
    }
    expect(binomialUpperTail(22, 1000, 0.005)).toBeLessThan(1e-6)
    expect(refusedCount).toBeLessThan(22)
  })

  test('a group of items that is chosen and not shown is named', () => {
    const rng = seededRng(5)
    const counts = (most: number) => Int32Array.from({ length: 200 }, () => rng.integer(most + 1))
    const rare = { shown: new Int32Array(200), chosen: counts(3) }
    const common = { shown: counts(10), chosen: counts(3) }
    const result = itemBiasGate(
      {
        attribute: 'item.shelf',
        countsByGroup: new Map([
          ['rare', rare],
          ['common', common],
        ]),
      },
      bias,
    )
    expect(result).toMatchObject({ verdict: 'failed', measured: [{ name: 'gap in exposure, rare', value: 1 }, {}] })
    const even = new Map([
      ['a', common],
      ['b', common],
    ])
    expect(itemBiasGate({ attribute: 'item.shelf', countsByGroup: even }, bias).verdict).toBe('passed')
  })
})

describe('calibration', () => {
  const rows = (shift: number, count = 4000) => {
    const rng = seededRng(6)
    const predicted = Float64Array.from({ length: count }, () => 0.3 * rng.next())
    return { predicted, outcomes: predicted.map((p) => (rng.next() < p + shift ? 1 : 0)) }
  }
  test('probabilities that come true pass, those that do not are refused, and scores are not judged', () => {
    const options = { bound: 0.05, seed: 1 }
    expect(calibrationGate(rows(0), options).verdict).toBe('passed')
    const off = calibrationGate(rows(0.15), options)
    expect(off).toMatchObject({ verdict: 'failed', bound: 0.05 })
    expect(off.measured[0]!.interval![0]).toBeGreaterThan(0.1)
    expect(calibrationGate(undefined, options).verdict).toBe('notJudged')
    expect(calibrationGate(rows(0.15, 10), options).verdict).toBe('notJudged')
  })

  test('the error is between 0 and 1, and that of a constant is its distance from what happened', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(probability, fc.integer({ min: 0, max: 1 }))), (pairs) => {
        const [predicted, outcomes] = [pairs.map(([p]) => p), pairs.map(([, outcome]) => outcome)]
        const error = expectedCalibrationError({ predicted, outcomes })
        expect(error).toBeGreaterThanOrEqual(0)
        expect(error).toBeLessThanOrEqual(1 + 1e-12)
      }),
    )
    expect(expectedCalibrationError({ predicted: Array(150).fill(0.25), outcomes: Array(150).fill(0) })).toBeCloseTo(
      0.25,
    )
  })
})

test('sanity finds scores that are no numbers or all the same, empty lists, and one list for everyone', () => {
  const sound = {
    scores: [{ part: 'taste', lists: Array.from({ length: 60 }, (_, n) => [n + 2, n + 1]) }],
    withHistory: { userCount: 60, emptyCount: 0 },
    lists: { userCount: 60, distinctCount: 50 },
  }
  const settings = { emptyShare: 0.1, usersMin: 50 }
  const reasonOf = (change: Partial<typeof sound>) => sanityGate({ ...sound, ...change }, settings).reason
  expect(sanityGate(sound, settings).verdict).toBe('passed')
  expect(reasonOf({ scores: [{ part: 'taste', lists: [[1, Number.POSITIVE_INFINITY]] }] })).toContain(
    'no finite numbers in 1 of 1',
  )
  expect(reasonOf({ scores: [{ part: 'taste', lists: Array(60).fill([1, 1]) }] })).toContain('the same score')
  expect(reasonOf({ scores: [{ part: 'taste', lists: Array(60).fill([]) }] })).toContain(
    'proposed nothing to any of 60 users',
  )
  expect(reasonOf({ withHistory: { userCount: 60, emptyCount: 12 } })).toContain('20.0 % of 60 users')
  expect(reasonOf({ lists: { userCount: 60, distinctCount: 1 } })).toContain('got the same list')
  expect(sanityGate({ ...sound, withHistory: { userCount: 5, emptyCount: 5 } }, settings).verdict).toBe('notJudged')
})

test('a feature that died since the champion refuses, one that was dead before does not', () => {
  const alive = { name: 'price', missingShare: 0.1, isConstant: false }
  const dead = { name: 'price', missingShare: 1, isConstant: true }
  expect(featuresGate({ now: [alive], before: [alive] }).verdict).toBe('passed')
  expect(featuresGate({ now: [dead], before: [alive] })).toMatchObject({
    verdict: 'failed',
    reason: 'price is missing in every row, which it was not for the champion',
  })
  expect(featuresGate({ now: [dead], before: [dead] }).verdict).toBe('passed')
  expect(featuresGate({ now: [dead], before: undefined }).verdict).toBe('passed')
})

test('latency is that of the slowest placement, and memory needs a process of its own', () => {
  const times = (placement: string, p99Ms: number) => ({ placement, requestCount: 300, p50Ms: 1, p99Ms })
  const cost = { answers: [times('home', 3), times('basket', 30)], residentBytes: 500e6 }
  expect(latencyGate(cost, 25)).toMatchObject({
    verdict: 'failed',
    reason: expect.stringContaining('placement basket'),
  })
  expect(latencyGate(cost, 30).verdict).toBe('passed')
  expect(latencyGate({ ...cost, answers: [] }, 30).verdict).toBe('notJudged')
  expect(memoryGate(cost, 499).verdict).toBe('failed')
  expect(memoryGate(cost, 500).verdict).toBe('passed')
  expect(memoryGate({ ...cost, residentBytes: undefined }, 500).verdict).toBe('notJudged')
})

test('staleness, held tables and an incomplete card are told apart from what is not known', () => {
  const day = 86_400_000
  const fresh = { newestLearnedMs: 100 * day, newestInLogMs: 100 * day, laterCount: 0, nowMs: 101 * day }
  const bounds = { behindMs: 7 * day, ageMs: undefined }
  expect(stalenessGate(fresh, bounds).verdict).toBe('passed')
  expect(stalenessGate({ ...fresh, newestInLogMs: 108 * day, laterCount: 9 }, bounds).verdict).toBe('failed')
  expect(stalenessGate({ ...fresh, nowMs: 1000 * day }, bounds).verdict).toBe('passed')
  expect(stalenessGate({ ...fresh, nowMs: 1000 * day }, { ...bounds, ageMs: day }).verdict).toBe('failed')
  expect(stalenessGate({ ...fresh, newestLearnedMs: undefined }, bounds).verdict).toBe('notJudged')
  expect(dataGate(undefined).verdict).toBe('notJudged')
  expect(dataGate([]).verdict).toBe('passed')
  expect(dataGate([{ table: 'changes', reasons: ['odd'] }]).reason).toContain('changes: odd')
  expect(cardGate({ intendedUse: 'a', limits: 'b', contact: 'c' }, 'required').verdict).toBe('passed')
  expect(cardGate({ limits: 'b' }, 'required')).toMatchObject({
    verdict: 'failed',
    reason: expect.stringContaining('intendedUse, contact'),
  })
  expect(cardGate({}, 'optional').verdict).toBe('notJudged')
})
