// Goal: what changes in the catalogue shows in searches and duplicates within a second of being acknowledged, over HTTP. Method: a served shop, driven through the client.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineSystem, httpIngest, number, openApp, popularity, serve, text } from 'millrace'
import { createClient, type MillraceApiError } from 'millrace/client'
import { expect, test } from 'vitest'

const owner = 'team@test.example'
const system = defineSystem({
  name: 'searched-shop',
  data: {
    owner,
    entities: { user: {}, item: { title: text(), price: number({ optional: true }) } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
  },
  training: { owner, candidates: { trending: popularity() } },
  serving: { owner, placements: { home: {} } },
  monitoring: { owner },
})

test('new, changed and deleted items are followed, and what cannot be asked is refused', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-searched-'))
  const app = await openApp({ system, dataDir })
  const running = await serve(app, { port: 0 })
  const client = createClient<typeof system>({ url: running.url })
  try {
    const found = async (query: string, filter?: string) =>
      (await client.search({ query, ...(filter && { filter }) })).items.map(({ itemId }) => itemId)
    const within = { timeout: 1_000, interval: 5 }
    await client.putItems([
      { id: 'lamp', attributes: { title: 'Brass lamp', price: 5 } },
      { id: 'rug', attributes: { title: 'Woollen rug', price: 50 } },
      { id: 'vase', attributes: { title: 'Blue vase', price: 9 } },
    ])
    await expect.poll(() => found('brass lamp'), within).toEqual(['lamp'])
    expect(await found('brass lamp', 'price > 100')).toEqual([])

    await client.putItem('lamp-2', { title: 'lamp, BRASS' })
    await expect.poll(() => found('brass lamp'), within).toEqual(['lamp', 'lamp-2'])
    expect(await client.duplicates('lamp')).toEqual({
      itemId: 'lamp',
      duplicates: [{ itemId: 'lamp-2', by: 'words', differing: ['price'] }],
    })
    await client.patchItem('lamp-2', { title: 'Copper kettle' })
    await expect.poll(() => found('kettle'), within).toEqual(['lamp-2'])
    expect((await client.duplicates('lamp')).duplicates).toEqual([])
    await client.deleteItem('lamp-2')
    await expect.poll(() => found('kettle'), within).toEqual([])

    await client.sendEvents([{ interaction: 'view', userId: 'u', itemId: 'rug' }])
    await running.caughtUp()
    expect(await client.rank({ userId: 'u', itemIds: ['gone', 'lamp', 'rug'] })).toMatchObject({
      rung: 'popular',
      items: [{ itemId: 'rug', score: 1 }, { itemId: 'lamp', score: 0 }, { itemId: 'gone' }],
      unknown: ['gone'],
    })

    const refusalOf = (call: Promise<unknown>) =>
      call.then(
        () => 'none',
        (error: MillraceApiError) => error.code,
      )
    expect(await refusalOf(client.search({ query: '?!' }))).toBe('REQUEST_INVALID')
    expect(await refusalOf(client.search({ query: 'lamp', filter: 'colour = 1' }))).toMatch(/^FILTER_/)
    expect(await refusalOf(client.duplicates('gone'))).toBe('UNKNOWN_ITEM')
    expect(await refusalOf(client.rank({ itemIds: ['a', 'a'] }))).toBe('REQUEST_INVALID')
  } finally {
    await running.close()
    await app.close()
    rmSync(dataDir, { recursive: true })
  }
})
