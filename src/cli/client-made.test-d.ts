// What "millrace client" writes has to mean exactly what the type of the system file means.
import { createClient } from '../client.ts'
import { type LampShop, planHash } from './client-made.testing.ts'
import type system from './client-system.testing.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Without the difference between one type and two that are joined. */
type Flat<T> = { [Key in keyof T]: T[Key] }
type Made = NonNullable<LampShop['names']>
type Defined = NonNullable<(typeof system)['names']>

const sameNames: Same<
  Pick<Made, 'placement' | 'itemPlacement' | 'interaction' | 'generator'>,
  Flat<Readonly<Pick<Defined, 'placement' | 'itemPlacement' | 'interaction' | 'generator'>>>
> = true
const sameItem: Same<Flat<Made['item']>, Flat<Defined['item']>> = true
void [sameNames, sameItem]

const client = createClient<LampShop>({ url: 'http://localhost:7700', planHash })
client.recommend({ placement: 'home' })
client.recommend({ placement: 'product', itemId: 'i1' })
client.putUser('u1', {})
// @ts-expect-error no placement is called "hom"
client.recommend({ placement: 'hom' })
// @ts-expect-error a placement of items like a given one needs the item
client.recommend({ placement: 'product' })
// @ts-expect-error users have no price
client.putUser('u1', { price: 4 })
