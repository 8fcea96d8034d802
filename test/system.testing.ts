// A small shop for tests that run the whole system: opened in a folder of its own, taken down again afterwards.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GeneratorKind } from 'millrace'
import { category, defineSystem, httpIngest, integer, number } from 'millrace'
import { type App, openApp } from '../src/app.ts'

export function shop(candidates: Readonly<Record<string, GeneratorKind>>) {
  return defineSystem({
    name: 'test-shop',
    data: {
      owner: 'data@test.example',
      entities: {
        user: { country: category({ optional: true }) },
        item: { category: category(), price: number(), stock: integer({ optional: true }) },
      },
      interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
      sources: { shop: httpIngest() },
    },
    training: { owner: 'ml@test.example', candidates },
    serving: {
      owner: 'backend@test.example',
      placements: { home: { limit: 5, newItemShare: 0.2 }, similar: { pattern: 'embedding', limit: 5 } },
    },
    monitoring: { owner: 'sre@test.example' },
  })
}

/** An app in an empty folder; closing it removes the folder. */
export async function openTestApp(candidates: Readonly<Record<string, GeneratorKind>>): Promise<App> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  const app = await openApp({ system: shop(candidates), dataDir })
  return {
    ...app,
    close: async () => {
      await app.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
