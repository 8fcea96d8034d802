// Made by "millrace client" of the system "lamp-shop", whose plan has the hash
// 3f7c297d76de32fa9a254915fe40faeb94c1b495986dff2d9e0eb5f2b7383ead.
// Not to be changed by hand: make it anew when the system file changes.
//
//   import { createClient } from 'millrace/client'
//   const client = createClient<LampShop>({ url, key, planHash })

export const planHash = '3f7c297d76de32fa9a254915fe40faeb94c1b495986dff2d9e0eb5f2b7383ead'

export interface LampShop {
  readonly names?: {
    readonly placement: 'home' | 'product' | 'search-page'
    readonly itemPlacement: 'product'
    readonly interaction: 'purchase' | 'view'
    readonly generator: 'trending'
    readonly user: Readonly<Record<string, never>>
    readonly item: {
      readonly addedAt: number | string
      readonly brand?: string | null
      readonly isNew: boolean
      readonly labels: readonly string[]
      readonly price?: number | null
      readonly stock: number
      readonly title: string
    }
  }
}
