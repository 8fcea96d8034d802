// Others for a set of items: folding the set in as a history, beside adding up what is like each of its items. Of a later basket of Online Retail some items are given
// and another one of them is looked for.
import type { TrainingData } from '../src/domain/training-data.ts'
import { seededRng } from '../src/lib/rng.ts'
import { content } from '../src/models/content/content.ts'
import { graphFilter } from '../src/models/graph-filter/graph-filter.ts'
import { ials } from '../src/models/ials/ials.ts'
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import type { CandidateGenerator, GeneratorKind, ItemSet } from '../src/ports/candidate-generator.ts'
import type { Bench, Figure } from './figure.ts'
import { nextItemTask } from './next-item.ts'
import { onlineRetailPurchases, onlineRetailTitles, type Purchase } from './online-retail.ts'

interface Basket {
  readonly given: readonly number[]
  readonly wanted: number
}

const LISTED = 10
const LIKE_EACH = 200

const bench: Bench = async ({ smoke, log }) => {
  const titles = onlineRetailTitles()
  const purchases = onlineRetailPurchases(titles).slice(smoke ? -40_000 : 0)
  const { train, baskets } = taskOf(purchases, Date.parse(smoke ? '2011-11-28' : '2011-10-15'), titles)
  const all: Readonly<Record<string, GeneratorKind>> = {
    itemNeighbours: itemNeighbours(),
    graphFilter: graphFilter(),
    ials: ials(),
    itemTransitions: itemTransitions(),
    content: content({ attributes: ['title'] }),
  }
  const kinds = Object.entries(all).slice(0, smoke ? 1 : undefined)
  const asked = baskets.slice(0, smoke ? 100 : undefined)
  const figures: Figure[] = []
  for (const [name, kind] of kinds) {
    const artifacts = await kind.train(train, { seed: 1, threadCount: 1, log: () => {} })
    const itemCount = train.itemIds.length
    const generator = kind.open(artifacts, { itemCount })
    const folded = shareFound(asked, itemCount, (given, allowed) => foldedIn(generator, given, allowed))
    const added = shareFound(asked, itemCount, (given, allowed) => addedUp(generator, given, allowed))
    log(`${name}: folded in ${folded.toFixed(4)}, added up ${added.toFixed(4)}`)
    figures.push({
      name: `${name}, Recall@${LISTED} of a set folded in`,
      value: folded,
      unit: '',
      peer: 'added up',
      peerValue: added,
      ratio: folded / added,
      note: `${asked.length} baskets after the cut, 3 to 10 items given, one more wanted; ${train.itemIds.length} items`,
    })
  }
  return figures
}
export default bench

function taskOf(
  purchases: readonly Purchase[],
  cutMs: number,
  titles: ReadonlyMap<string, string>,
): { readonly train: TrainingData; readonly baskets: readonly Basket[] } {
  const indexOf = new Map<string, number>()
  const sequences = new Map<string, number[]>()
  const invoices = new Map<string, Set<string>>()
  for (const { invoice, itemId, timeMs, userId } of purchases) {
    if (timeMs >= cutMs) invoices.set(invoice, (invoices.get(invoice) ?? new Set()).add(itemId))
    else if (userId !== undefined) {
      if (!indexOf.has(itemId)) indexOf.set(itemId, indexOf.size)
      const sequence = sequences.get(userId) ?? []
      sequences.set(userId, sequence)
      sequence.push(indexOf.get(itemId)!)
    }
  }
  const { train } = nextItemTask(
    Array.from(sequences.values(), (sequence) => Int32Array.from(sequence)),
    [],
    { mayRepeat: false },
  )
  const rng = seededRng('baskets')
  const baskets = [...invoices.values()].flatMap((codes): Basket[] => {
    const known = [...codes].flatMap((code) => indexOf.get(code) ?? [])
    if (known.length < 4 || known.length > 60) return []
    for (let i = known.length - 1; i > 0; i--) {
      const j = rng.integer(i + 1)
      ;[known[i], known[j]] = [known[j]!, known[i]!]
    }
    return [{ wanted: known[0]!, given: known.slice(1, 4 + rng.integer(8)) }]
  })
  const itemAttributes = { title: Array.from(indexOf.keys(), (code) => titles.get(code)!) }
  return { train: { ...train, itemAttributes }, baskets }
}

/** @param ask the best items out of `allowed` for a set */
function shareFound(
  baskets: readonly Basket[],
  itemCount: number,
  ask: (given: readonly number[], allowed: ItemSet) => readonly number[],
): number {
  const allowed: ItemSet = new Uint32Array(Math.ceil(itemCount / 32))
  let foundCount = 0
  for (const { given, wanted } of baskets) {
    allowed.fill(0xffffffff)
    for (const item of given) allowed[item >> 5]! &= ~(1 << (item & 31))
    foundCount += Number(ask(given, allowed).includes(wanted))
  }
  return foundCount / baskets.length
}

const out = { itemIndexes: new Int32Array(LIKE_EACH), scores: new Float32Array(LIKE_EACH) }

function foldedIn(generator: CandidateGenerator, given: readonly number[], allowed: ItemSet): readonly number[] {
  const history = { itemIndexes: Int32Array.from(given), weights: new Float32Array(given.length).fill(1) }
  const count = generator.generate(history, LISTED, allowed, out)
  return Array.from(out.itemIndexes.subarray(0, count))
}

/** The sum of the scores of what is like each. Divided by the best score of each, or by places, the sum finds less. */
function addedUp(generator: CandidateGenerator, given: readonly number[], allowed: ItemSet): readonly number[] {
  const sums = new Map<number, number>()
  for (const item of given) {
    const count = generator.similar!(item, LIKE_EACH, allowed, out)
    for (let n = 0; n < count; n++) {
      sums.set(out.itemIndexes[n]!, (sums.get(out.itemIndexes[n]!) ?? 0) + out.scores[n]!)
    }
  }
  return [...sums]
    .sort(([a, sumA], [b, sumB]) => sumB - sumA || a - b)
    .slice(0, LISTED)
    .map(([item]) => item)
}
