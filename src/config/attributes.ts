// What the system file can say of a user or an item: one constructor per type of attribute.
import type { AttributePlan, AttributeType } from './plan.ts'

/** An attribute of a user or an item, made by `category()`, `text()`, `number()` and the like. */
export interface Attribute<Type extends AttributeType = AttributeType, IsOptional extends boolean = boolean>
  extends AttributePlan {
  readonly type: Type
  readonly isOptional: IsOptional
}

export interface AttributeOptions<IsOptional extends boolean = boolean> {
  /** Whether a row without this attribute is still accepted. Default: false, so that a feed that loses a column is noticed. */
  readonly optional?: IsOptional
}

/** One of a limited number of values, such as a country or a brand. Items can be filtered by it and a list kept diverse in it. */
export const category = constructorOf('category')

/** A list of labels. */
export const tags = constructorOf('tags')

/** Words for people to read, such as a title. */
export const text = constructorOf('text')

/** Any finite number, such as a price. */
export const number = constructorOf('number')

/** A whole number between -2^53 and 2^53, such as a stock level. */
export const integer = constructorOf('integer')

/** True or false. */
export const boolean = constructorOf('boolean')

/** A moment in time. */
export const timestamp = constructorOf('timestamp')

function constructorOf<const Type extends AttributeType>(type: Type) {
  const construct = <const IsOptional extends boolean = false>(
    options: AttributeOptions<IsOptional> = {},
  ): Attribute<Type, NoInfer<IsOptional>> => ({ type, isOptional: options.optional ?? (false as IsOptional) })
  // Named, so that an error about forgotten parentheses can say which function it met.
  return Object.defineProperty(construct, 'name', { value: type })
}

/** What a type of attribute holds in a program: times as milliseconds since 1970 or as ISO 8601 text. */
interface ValueOfType {
  category: string
  tags: readonly string[]
  text: string
  number: number
  integer: number
  boolean: boolean
  timestamp: number | string
}

/** The values of an entity with these attributes; optional ones may be missing or null. */
export type ValuesOf<Attributes extends Readonly<Record<string, Attribute>>> = {
  readonly [Name in keyof Attributes as Attributes[Name]['isOptional'] extends false
    ? Name
    : never]: ValueOfType[Attributes[Name]['type']]
} & {
  readonly [Name in keyof Attributes as Attributes[Name]['isOptional'] extends false ? never : Name]?:
    | ValueOfType[Attributes[Name]['type']]
    | null
}
