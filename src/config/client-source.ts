// The types that a client needs to know of a system, as the text of a file: for teams whose code cannot import the system file.
import type { AttributePlan, AttributeType, Plan } from './plan.ts'

/**
 * @returns TypeScript that depends on the plan alone: an interface for `createClient<…>`, and unless it is for declarations only, `planHash` for its option of that name
 */
export function clientSource(plan: Plan, { isDeclaration }: { readonly isDeclaration: boolean }): string {
  const { data, training, serving, name, hash } = plan
  const placements = Object.entries(serving.placements)
  const itemPlacements = placements.filter(([, { pattern }]) => pattern === 'embedding')
  const namesOf = (entries: readonly (readonly [string, unknown])[]) => unionOf(entries.map(([entry]) => entry))
  const typeName = typeNameOf(name)
  const hashLines = isDeclaration ? [] : ['', `export const planHash = '${hash}'`]
  const use = isDeclaration
    ? `createClient<${typeName}>({ url, key })`
    : `createClient<${typeName}>({ url, key, planHash })`
  return [
    `// Made by "millrace client" of the system "${name}", whose plan has the hash`,
    `// ${hash}.`,
    '// Not to be changed by hand: make it anew when the system file changes.',
    '//',
    "//   import { createClient } from 'millrace/client'",
    `//   const client = ${use}`,
    ...hashLines,
    '',
    `export interface ${typeName} {`,
    '  readonly names?: {',
    `    readonly placement: ${namesOf(placements)}`,
    `    readonly itemPlacement: ${namesOf(itemPlacements)}`,
    `    readonly interaction: ${namesOf(Object.entries(data.interactions))}`,
    `    readonly generator: ${namesOf(Object.entries(training.candidates))}`,
    ...attributeLines('user', data.entities.user),
    ...attributeLines('item', data.entities.item),
    '  }',
    '}',
    '',
  ].join('\n')
}

/** As `ValuesOf` gives them to whoever imports the system file. */
const typeByAttribute: Readonly<Record<AttributeType, string>> = {
  category: 'string',
  tags: 'readonly string[]',
  text: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  timestamp: 'number | string',
}

function attributeLines(entity: string, attributes: Readonly<Record<string, AttributePlan>>): readonly string[] {
  const entries = Object.entries(attributes).sort(byName)
  if (entries.length === 0) return [`    readonly ${entity}: Readonly<Record<string, never>>`]
  return [
    `    readonly ${entity}: {`,
    ...entries.map(
      ([name, { type, isOptional }]) =>
        `      readonly ${propertyOf(name)}${isOptional ? '?' : ''}: ${typeByAttribute[type]}${isOptional ? ' | null' : ''}`,
    ),
    '    }',
  ]
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

const propertyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name))

const unionOf = (names: readonly string[]): string =>
  names.length === 0 ? 'never' : names.toSorted().map(quoted).join(' | ')

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

/** "online-retail" is OnlineRetail; names of systems begin with a letter. */
const typeNameOf = (name: string): string =>
  name
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
