// The part of the demo about items: what is like one, what goes with a basket, a search in a customer's order, and near-copies.
import { count, customer, type Shop, sayList, secondsSince, shownOf, titleOf } from './shop.ts'

const cakestand = '22423'
/** Two of three teacups that are sold together; the third is what a shopkeeper would expect. */
const basket = ['22697', '22699']
const thirdTeacup = '22698'
const query = 'red retrospot lunch bag'
/** In the shop's own list twice, but for the case of a letter in its code. */
const twice = '84989A'

export async function showItems({ client, catalogue, say }: Shop) {
  const startedAt = performance.now()
  const name = (itemId: string): string => titleOf(catalogue, itemId)
  say('\n10. Items by items')
  const similar = shownOf(catalogue, await client.similar(cakestand, { placement: 'productPage', limit: 5 }))
  say(`   Like ${name(cakestand)}:`)
  sayList(say, similar)

  const together = await client.recommend({ placement: 'productPage', itemIds: basket, limit: 5 })
  const withBasket = shownOf(catalogue, together)
  say(`   With a basket of ${basket.map(name).join(' and ')}:`)
  sayList(say, withBasket)

  const found = await client.search({ query, limit: 8 })
  const foundIds = found.items.map(({ itemId }) => itemId)
  const ranked = await client.rank({ itemIds: foundIds, userId: customer })
  say(`   A search for "${query}", then in the order of customer ${customer} (rung "${ranked.rung}"):`)
  for (const [place, { itemId }] of ranked.items.entries())
    say(`   ${String(place + 1).padStart(2)}. ${name(itemId)}  (found at ${foundIds.indexOf(itemId) + 1})`)

  const { duplicates } = await client.duplicates(twice)
  for (const { itemId, by, differing } of duplicates) {
    const other = differing.length === 0 ? '' : `, with another ${differing.join(' and ')}`
    say(`   ${name(twice)} is there twice: ${twice} and ${itemId} have the same ${by}${other}.`)
  }
  const seconds = secondsSince(startedAt)
  say(`   All of it in ${seconds} s, over ${count(catalogue.size)} items; the first search builds its index.`)
  return {
    embedding: {
      similar,
      basket: { itemIds: basket, items: withBasket, hasThird: withBasket.some(({ itemId }) => itemId === thirdTeacup) },
      search: { query, found: foundIds, ranked: ranked.items.map(({ itemId }) => itemId), rung: ranked.rung },
      duplicates,
      seconds,
    },
  }
}
