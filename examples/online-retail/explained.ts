// The part of the demo about why: one answer explained as it went out, what its rules did, and the same answer computed again.
import { describeAnswer, replayAnswers } from 'millrace'
import type { ToldAnswer } from 'millrace/client'
import { type Catalogue, customer, type Shop, titleOf } from './shop.ts'

/** Many customers pay postage, so that every generator knows it, and no list may hold it. */
const absentItem = 'POST'
const newSince = Date.parse('2011-06-01')

export async function explain({ app, client, catalogue, say }: Shop, { requestId }: { readonly requestId: string }) {
  say(`\n9. Why customer ${customer} was shown that on the home page, and why not ${titleOf(catalogue, absentItem)}`)
  const startedAt = performance.now()
  const told = await client.explain(requestId, { itemId: absentItem })
  const nameOf = (itemId: string): string => titleOf(catalogue, itemId)
  for (const line of describeAnswer(told, { nameOf, featureCount: 8 })) say(`   ${line}`)
  const moved = movedByRules(told, catalogue)
  for (const line of moved.lines) say(`   ${line}`)

  const [replay] = await replayAnswers(app, { requestIds: [requestId] })
  const { differences, failure } = replay!
  say(`   Replayed from the log and the model: ${failure ?? `${differences.length} differences`}`)
  return {
    explained: told,
    rulesDid: { newerCount: moved.newerCount, pinnedPlace: moved.pinnedPlace },
    replay: { requestId, differenceCount: differences.length, failure },
    explainedInMs: Math.round(performance.now() - startedAt),
  }
}

/** What the minimum share and the pin did to the order of the ranker. */
function movedByRules({ items }: ToldAnswer, catalogue: Catalogue) {
  const newer = items.filter(
    ({ itemId, place, rankedPlace }) =>
      rankedPlace !== undefined && place < rankedPlace && firstSold(catalogue, itemId) >= newSince,
  )
  const pinned = items.find(({ generator }) => generator === 'pinned')
  const most = newer.toSorted((a, b) => b.rankedPlace! - b.place - (a.rankedPlace! - a.place))[0]
  return {
    newerCount: newer.length,
    pinnedPlace: pinned?.place,
    lines: [
      most === undefined
        ? []
        : `The rule atLeast brought up ${newer.length} that came in since the summer: ${titleOf(catalogue, most.itemId)} from place ${most.rankedPlace} to ${most.place}.`,
      pinned === undefined ? [] : `The rule pin put ${titleOf(catalogue, pinned.itemId)} at place ${pinned.place}.`,
    ].flat(),
  }
}

const firstSold = (catalogue: Catalogue, itemId: string): number => {
  const moment = catalogue.get(itemId)?.firstSold
  return typeof moment === 'number' ? moment : Date.parse(String(moment))
}
