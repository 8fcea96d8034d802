// What the system file can say of a user or an item: one constructor per type of attribute.
import type { AttributePlan, AttributeType } from './plan.ts'

/** An attribute of a user or an item, made by `category()`, `text()`, `number()` and the like. */
export interface Attribute<Type extends AttributeType = AttributeType> extends AttributePlan {
  readonly type: Type
}

export interface AttributeOptions {
  /** Whether a row without this attribute is still accepted. Default: false, so that a feed that loses a column is noticed. */
  readonly optional?: boolean
}

/** One of a limited number of values, such as a country or a brand. Items can be filtered by it and a list kept diverse in it. */
export const category = (options?: AttributeOptions): Attribute<'category'> => attribute('category', options)

/** A list of labels. */
export const tags = (options?: AttributeOptions): Attribute<'tags'> => attribute('tags', options)

/** Words for people to read, such as a title. */
export const text = (options?: AttributeOptions): Attribute<'text'> => attribute('text', options)

/** Any finite number, such as a price. */
export const number = (options?: AttributeOptions): Attribute<'number'> => attribute('number', options)

/** A whole number between -2^53 and 2^53, such as a stock level. */
export const integer = (options?: AttributeOptions): Attribute<'integer'> => attribute('integer', options)

/** True or false. */
export const boolean = (options?: AttributeOptions): Attribute<'boolean'> => attribute('boolean', options)

/** A moment in time. */
export const timestamp = (options?: AttributeOptions): Attribute<'timestamp'> => attribute('timestamp', options)

function attribute<Type extends AttributeType>(type: Type, options: AttributeOptions = {}): Attribute<Type> {
  return { type, isOptional: options.optional ?? false }
}
