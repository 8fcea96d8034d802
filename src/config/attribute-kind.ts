import type { AttributeKind } from '../domain/feature.ts'
import type { AttributeType } from './plan.ts'

/** How the values of each type are kept. */
export const kindOfType: Readonly<Record<AttributeType, AttributeKind>> = {
  category: 'text',
  text: 'text',
  tags: 'tags',
  number: 'number',
  integer: 'number',
  timestamp: 'number',
  boolean: 'boolean',
}
