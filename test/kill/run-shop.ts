// The shop whose trainings are killed: four generators, so that there are checkpoints between them, each of which takes a while.
import { join } from 'node:path'
import { ials, itemNeighbours, popularity, rp3beta } from 'millrace'
import { type App, openApp } from '../../src/app.ts'
import { shop } from '../system.testing.ts'

export const openRunShop = (folder: string): Promise<App> =>
  openApp({
    system: shop({
      neighbours: itemNeighbours(),
      walk: rp3beta(),
      factors: ials({ factors: 16, iterations: 4 }),
      trending: popularity({ halfLifeDays: 7 }),
    }),
    dataDir: join(folder, 'data'),
  })
