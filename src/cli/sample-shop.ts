// A small made-up shop for `millrace init`: enough structure that training beats popularity, few enough rows that everything takes seconds.
// Each user has a taste for two of the six categories; within a category some items are far more popular than others.
import { type Rng, seededRng } from '../lib/rng.ts'

/** The sample's files by name, as CSV. */
export interface SampleShop {
  readonly 'items.csv': string
  readonly 'users.csv': string
  readonly 'interactions.csv': string
}

export interface SampleSize {
  readonly userCount: number
  readonly itemsPerCategory: number
  readonly visitsPerUser: number
}

const defaultSize: SampleSize = { userCount: 400, itemsPerCategory: 40, visitsPerUser: 6 }

const DAY_MS = 86_400_000
/** How far back its interactions go. */
export const SAMPLE_DAYS = 60

const nounsByCategory = {
  kitchen: ['Kettle', 'Pan', 'Knife', 'Bowl', 'Mug', 'Whisk', 'Jar', 'Tray'],
  garden: ['Spade', 'Planter', 'Hose', 'Lantern', 'Bench', 'Rake', 'Seed Set', 'Birdhouse'],
  books: ['Novel', 'Atlas', 'Cookbook', 'Diary', 'Guide', 'Biography', 'Comic', 'Dictionary'],
  toys: ['Puzzle', 'Kite', 'Robot', 'Train', 'Doll', 'Board Game', 'Blocks', 'Yo-yo'],
  sport: ['Ball', 'Racket', 'Mat', 'Bottle', 'Gloves', 'Rope', 'Helmet', 'Backpack'],
  clothing: ['Scarf', 'Shirt', 'Jacket', 'Socks', 'Hat', 'Belt', 'Sweater', 'Apron'],
} as const

const categories = Object.keys(nounsByCategory) as (keyof typeof nounsByCategory)[]
const adjectives = ['Blue', 'Wooden', 'Small', 'Classic', 'Bright', 'Folding', 'Travel', 'Vintage', 'Quiet', 'Sturdy']
const brands = ['Northwind', 'Fable & Co', 'Harbour', 'Juniper', 'Oakline']
const countries = ['DE', 'FR', 'GB', 'IT', 'NL', 'ES']

/** The same seed and end give the same shop. */
export function sampleShop(seed: number, endMs: number, size: SampleSize = defaultSize): SampleShop {
  const rng = seededRng(seed)
  return {
    'items.csv': itemRows(rng.fork('items'), size),
    'users.csv': userRows(rng.fork('users'), size, endMs),
    'interactions.csv': interactionRows(rng.fork('interactions'), size, endMs),
  }
}

const itemId = (category: string, number: number): string => `${category}-${String(number + 1).padStart(3, '0')}`
const userId = (user: number): string => `user-${String(user + 1).padStart(4, '0')}`

function itemRows(rng: Rng, { itemsPerCategory }: SampleSize): string {
  const rows = ['id,title,category,brand,price,stock']
  for (const category of categories) {
    for (let i = 0; i < itemsPerCategory; i++) {
      const title = `${pick(rng, adjectives)} ${nounsByCategory[category][i % 8]}`
      const price = (3 + 60 * rng.next() ** 2).toFixed(2)
      // One item in fifteen is sold out, so that a rule on stock has something to do.
      const stock = rng.integer(15) === 0 ? 0 : 1 + rng.integer(80)
      rows.push([itemId(category, i), title, category, pick(rng, brands), price, stock].join(','))
    }
  }
  return `${rows.join('\n')}\n`
}

function userRows(rng: Rng, { userCount }: SampleSize, endMs: number): string {
  const rows = ['id,country,signed_up']
  for (let user = 0; user < userCount; user++) {
    const signedUpMs = endMs - (SAMPLE_DAYS + rng.integer(500)) * DAY_MS
    rows.push([userId(user), pick(rng, countries), new Date(signedUpMs).toISOString()].join(','))
  }
  return `${rows.join('\n')}\n`
}

/** Visits of a few views each, some of which lead to a cart and some of those to a purchase. Ordered by time, as a shop would export them. */
function interactionRows(rng: Rng, size: SampleSize, endMs: number): string {
  const rows: { timeMs: number; line: string }[] = []
  for (let user = 0; user < size.userCount; user++) {
    const taste = [pick(rng, categories), pick(rng, categories)]
    const visitCount = 1 + rng.integer(2 * size.visitsPerUser - 1)
    for (let visit = 0; visit < visitCount; visit++) {
      let timeMs = endMs - Math.floor(rng.next() * SAMPLE_DAYS * DAY_MS) - 3_600_000
      const viewCount = 2 + rng.integer(6)
      for (let view = 0; view < viewCount; view++) {
        // One view in ten is out of curiosity.
        const category = rng.integer(10) === 0 ? pick(rng, categories) : pick(rng, taste)
        const item = itemId(category, popularIndex(rng, size.itemsPerCategory))
        for (const interaction of ['view', 'cart', 'purchase'].slice(0, 1 + depth(rng))) {
          rows.push({ timeMs, line: `${new Date(timeMs).toISOString()},${userId(user)},${item},${interaction}` })
          timeMs += 20_000 + rng.integer(60_000)
        }
      }
    }
  }
  rows.sort((a, b) => a.timeMs - b.timeMs)
  return `${['time,user,item,action', ...rows.map((row) => row.line)].join('\n')}\n`
}

/** How far an interest goes: 0 a view (70 %), 1 a cart (18 %), 2 a purchase (12 %). */
function depth(rng: Rng): number {
  const u = rng.next()
  return u < 0.7 ? 0 : u < 0.88 ? 1 : 2
}

/** Low indexes are far more likely than high ones: the cube of a uniform number falls below one eighth half of the time. */
const popularIndex = (rng: Rng, count: number): number => Math.floor(rng.next() ** 3 * count)

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.integer(values.length)]!
