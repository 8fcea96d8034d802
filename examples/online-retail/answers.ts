// The part of the demo about answers to a customer: real time, batch and hybrid, before and after a purchase.
import { type App, makeLists } from 'millrace'
import { count, customer, purchasedItem, type Say, type Shop, sayList, secondsSince, shownOf, titleOf } from './shop.ts'

/** Makes the lists of all customers, as `millrace batch` does. */
export async function makeAllLists(app: App, say: Say) {
  say('\n6. Make lists for every customer ahead of time, as "millrace batch" does')
  const startedAt = performance.now()
  const { batchId, userCount, placements, rowCount } = await makeLists(app, { reason: 'the demo' })
  const seconds = secondsSince(startedAt)
  say(
    `   ${placements.join(' and ')}: ${count(rowCount)} places for ${count(userCount)} customers in ${seconds} s, ` +
      'in the store and as Parquet',
  )
  return { batchId, userCount, placements, rowCount, seconds }
}

/** The same customer in three places of the shop. */
export async function askAll({ running, client, catalogue, say }: Shop) {
  say(`\n7. Serve on ${running.url}: what customer ${customer} is shown`)
  const home = await client.recommend({ placement: 'home', userId: customer })
  const newsletter = await client.recommend({ placement: 'newsletter', userId: customer })
  const account = await client.recommend({ placement: 'account', userId: customer })
  const before = shownOf(catalogue, home)
  say(`   On the home page, in real time (rung "${home.rung}"):`)
  sayList(say, before)
  say(
    `   In the newsletter, looked up (rung "${newsletter.rung}", made ${Math.round(newsletter.stored?.ageSeconds ?? 0)} s ago); the first three:`,
  )
  sayList(say, shownOf(catalogue, newsletter).slice(0, 3))
  return { home, newsletter, account, before }
}

/** One purchase, and what it changes: at once in real time, in the live part of a hybrid list, and not in a stored one. */
export async function buy({ app, running, client, catalogue, say }: Shop, asked: Awaited<ReturnType<typeof askAll>>) {
  const title = titleOf(catalogue, purchasedItem)
  say(`\n8. Customer ${customer} buys ${title}; the next answers`)
  const sentAt = performance.now()
  const unitPrice = Number(catalogue.get(purchasedItem)!.price)
  await client.sendEvents([
    {
      interaction: 'purchase',
      userId: customer,
      itemId: purchasedItem,
      eventTime: new Date(app.clock.now()),
      values: { unitPrice },
    },
  ])
  const askHome = () => client.recommend({ placement: 'home', userId: customer })
  let home = await askHome()
  while (idsOf(home).join() === idsOf(asked.home).join() && performance.now() - sentAt < 5_000) home = await askHome()
  const changedAfterMs = Math.round(performance.now() - sentAt)
  const after = shownOf(catalogue, home)
  const newcomers = newIn(home, asked.home)
  say('   On the home page, in real time:')
  sayList(say, after, newcomers)
  say(`   ${newcomers.size} of ${after.length} are new, ${changedAfterMs} ms after the purchase was sent`)
  if (newcomers.size === 0) throw new Error('The purchase changed nothing in the next answer.')

  await running.caughtUp()
  const account = await client.recommend({ placement: 'account', userId: customer })
  const hybridNewcomers = newIn(account, asked.account)
  say("   In the customer's account, hybrid: the stored list, merged with what goes with the newest purchases")
  sayList(say, shownOf(catalogue, account), hybridNewcomers)
  if (hybridNewcomers.size === 0) throw new Error('The purchase changed nothing in the hybrid list.')
  const newsletter = await client.recommend({ placement: 'newsletter', userId: customer })
  const isSame = newIn(newsletter, asked.newsletter).size === 0
  say(`   The newsletter ${isSame ? 'is the same until the next batch' : 'has changed'}.`)
  return {
    home,
    after,
    changedAfterMs,
    newcomerCount: newcomers.size,
    hybrid: {
      ...storedPart(account),
      before: shownOf(catalogue, asked.account),
      after: shownOf(catalogue, account),
      newcomerCount: hybridNewcomers.size,
    },
    stored: { ...storedPart(newsletter), items: shownOf(catalogue, newsletter), isSame },
  }
}

interface Listed {
  readonly items: readonly { readonly itemId: string }[]
}
const idsOf = ({ items }: Listed): readonly string[] => items.map(({ itemId }) => itemId)
const newIn = (now: Listed, before: Listed): ReadonlySet<string> =>
  new Set(idsOf(now)).difference(new Set(idsOf(before)))

const storedPart = ({ rung, stored }: { readonly rung: string; readonly stored?: { readonly batchId: string } }) => ({
  rung,
  batchId: stored?.batchId,
})
