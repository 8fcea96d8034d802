import { expect, test } from 'vitest'
import { csrFromTriplets } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import { ials } from '../models/ials/ials.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { rp3beta } from '../models/rp3beta/rp3beta.ts'
import { did, itemPatch, planWith, Shop } from './serving-fixture.testing.ts'

// Goal: real generators and the funnel agree on the port's law. Method: four groups of users who like four groups of items; models trained on
// that answer random requests, and nothing they propose may be turned away as invalid.
test('trained generators answer random requests within the law, and personally', async () => {
  const rng = seededRng(11)
  const userCount = 120
  const itemCount = 200
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < userCount; user++) {
    for (let n = 0; n < 15; n++) {
      rows.push(user)
      columns.push(rng.integer(itemCount / 4) * 4 + (user % 4))
    }
  }
  const itemIds = Array.from({ length: itemCount }, (_, i) => `i${i}`)
  const values = new Float32Array(rows.length).fill(1)
  const data = {
    userIds: Array.from({ length: userCount }, (_, u) => `u${u}`),
    itemIds,
    itemsByUser: csrFromTriplets({ rows, columns, values }, { rowCount: userCount, columnCount: itemCount }),
    newestTimesMs: undefined,
    asOfMs: 0,
  }
  const kinds = { cf: ials({ factors: 8 }), neighbours: itemNeighbours(), walk: rp3beta(), popular: popularity() }
  const generators = new Map()
  for (const [name, kind] of Object.entries(kinds)) {
    const artifacts = await kind.train(data, { seed: 1, threadCount: 1, log: () => {} })
    generators.set(name, kind.open(artifacts, { itemCount }))
  }

  const names = Object.keys(kinds)
  const placements = Object.fromEntries(names.map((name) => [name, { candidates: [name], candidateCount: 50 }]))
  const shop = new Shop(
    planWith({ ...placements, alike: { pattern: 'embedding', candidates: ['neighbours', 'cf'], candidateCount: 50 } }),
  )
  shop.log(...itemIds.map((id, i) => itemPatch(id, { stock: i % 7, category: `c${i % 4}` })))
  shop.log(...rows.map((user, n) => did(`u${user}`, `i${columns[n]}`)))
  shop.service.useModel({ version: '1', itemIds, generators })

  let inGroupCount = 0
  let cfCount = 0
  for (let n = 0; n < 400; n++) {
    const user = rng.integer(userCount)
    const placement = n % 5 === 4 ? 'alike' : names[n % 5]!
    const response = shop.recommend({
      placement,
      ...(placement === 'alike' ? { itemId: `i${rng.integer(itemCount)}` } : {}),
      ...(rng.next() < 0.7 ? { userId: `u${user}` } : { recent: [{ itemId: `i${4 * rng.integer(50) + (user % 4)}` }] }),
      ...(rng.next() < 0.5 ? { filter: `stock > ${rng.integer(7) - 1}` } : {}),
      exclude: Array.from({ length: rng.integer(30) }, () => `i${rng.integer(itemCount)}`),
      limit: 5,
    })
    expect(response.items).toHaveLength(5)
    if (placement === 'cf') {
      cfCount += 5
      inGroupCount += response.items.filter(({ itemId }) => Number(itemId.slice(1)) % 4 === user % 4).length
    }
  }
  expect(shop.observations.filter(({ failures }) => failures.length > 0)).toEqual([])
  expect(shop.observations.reduce((sum, { invalidCandidateCount }) => sum + invalidCandidateCount, 0)).toBe(0)
  expect(shop.observations.reduce((sum, { withdrawnCount }) => sum + withdrawnCount, 0)).toBe(0)
  // By chance a quarter would be of the user's group (100 +- 9 of 400, one sigma).
  expect(inGroupCount / cfCount).toBeGreaterThan(0.6)
})
