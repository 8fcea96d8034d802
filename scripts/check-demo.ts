// Whether the demo showed what it promises: node scripts/check-demo.ts SUMMARY.json, made by `npm run demo -- --once --json`.
import { readFileSync } from 'node:fs'

const file = process.argv[2]
if (file === undefined) {
  console.error('Usage: node scripts/check-demo.ts SUMMARY.json')
  process.exit(64)
}
const summary = JSON.parse(readFileSync(file, 'utf8'))
const { batch, stored, hybrid, embedding, explained, rulesDid, replay } = summary

const promises: Readonly<Record<string, boolean>> = {
  'real time: the purchase changes the next answer': summary.newcomerCount > 0,
  'batch: lists for every customer': batch?.userCount > 4000 && batch.rowCount > 10 * batch.userCount,
  'batch: answered from the store, by that run': stored?.rung === 'stored' && stored.batchId === batch?.batchId,
  'batch: a full list': stored?.items.length === 10,
  'hybrid: the stored list has a part in it': hybrid?.batchId !== undefined && hybrid.batchId === batch?.batchId,
  'hybrid: the purchase changes it at once': hybrid?.newcomerCount > 0,
  'embedding: items like one': embedding?.similar.length === 5,
  'embedding: two teacups bring the third': embedding?.basket.hasThird === true,
  'embedding: the first that a search finds is what it names': embedding?.search.found[0] === '20725',
  'embedding: the ranker orders what was found':
    embedding?.search.rung === 'full' &&
    [...embedding.search.ranked].sort().join() === [...embedding.search.found].sort().join(),
  'embedding: the copy is found': embedding?.duplicates.some((copy: { itemId: string }) => copy.itemId === '84989a'),
  'explained: all places, with what moved the score':
    explained?.items.length === 10 && explained.items[0].explanation?.contributions.length > 0,
  'explained: it came out the same': explained?.recomputed.isSame === true,
  'explained: a rule keeps postage out': explained?.asked?.reason === 'RULE' && explained.asked.rule === 0,
  'rules: the pin is at its place': rulesDid?.pinnedPlace === 5,
  'rules: newer things are brought up': rulesDid?.newerCount > 0,
  'replay: no differences': replay?.differenceCount === 0 && replay.failure === undefined,
}
const broken = Object.keys(promises).filter((promise) => !promises[promise])
for (const promise of broken) console.error(`The demo broke its promise: ${promise}`)
console.log(
  `${Object.keys(promises).length - broken.length} of ${Object.keys(promises).length} promises of the demo hold`,
)
if (broken.length > 0) process.exitCode = 1
