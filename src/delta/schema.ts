// The columns of a table, and which change of them a table takes: a new column that may be null, nothing else.
import { MillraceError, type Problem } from '../lib/errors.ts'

/** Delta's names: `integer` has 32 bits, `long` 64, `timestamp` is microseconds UTC, `decimal(p,s)` is written out. */
export type DeltaType = string | DeltaStruct | DeltaArray | DeltaMap

export interface DeltaStruct {
  readonly type: 'struct'
  readonly fields: readonly DeltaColumn[]
}

export interface DeltaArray {
  readonly type: 'array'
  readonly elementType: DeltaType
  readonly containsNull: boolean
}

export interface DeltaMap {
  readonly type: 'map'
  readonly keyType: DeltaType
  readonly valueType: DeltaType
  readonly valueContainsNull: boolean
}

export interface DeltaColumn {
  readonly name: string
  readonly type: DeltaType
  readonly nullable: boolean
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** In the order in which they were added. */
export type DeltaSchema = readonly DeltaColumn[]

const PRIMITIVE =
  /^(string|long|integer|short|byte|float|double|boolean|binary|date|timestamp|decimal\(\d{1,2},\s?-?\d{1,2}\))$/

/** The `schemaString` of a metadata action. */
export function schemaToJson(schema: DeltaSchema): string {
  return JSON.stringify({ type: 'struct', fields: schema.map(fieldToJson) })
}

function fieldToJson({ name, type, nullable, metadata = {} }: DeltaColumn): object {
  return { name, type: typeToJson(type), nullable, metadata }
}

function typeToJson(type: DeltaType): unknown {
  if (typeof type === 'string') return type
  if (type.type === 'struct') return { type: 'struct', fields: type.fields.map(fieldToJson) }
  if (type.type === 'array') return { ...type, elementType: typeToJson(type.elementType) }
  return { ...type, keyType: typeToJson(type.keyType), valueType: typeToJson(type.valueType) }
}

/** Throws a SyntaxError or TypeError where the text is no schema. */
export function schemaFromJson(text: string): DeltaSchema {
  const { type, fields } = JSON.parse(text) as { type?: unknown; fields?: unknown }
  if (type !== 'struct' || !Array.isArray(fields)) throw new TypeError('the schema is no struct of fields')
  for (const field of fields as Partial<DeltaColumn>[]) {
    if (typeof field?.name !== 'string' || field.type === undefined || typeof field.nullable !== 'boolean') {
      throw new TypeError(`a field of the schema lacks name, type or nullable: ${JSON.stringify(field)}`)
    }
  }
  return fields as DeltaSchema
}

/**
 * What keeps a schema from being that of a new table.
 * @returns every problem; empty where there is none
 */
export function schemaProblems(schema: DeltaSchema, partitionColumns: readonly string[]): Problem[] {
  const problems: Problem[] = []
  const problem = (where: string, message: string) => problems.push({ where, message })
  if (schema.length === 0) problem('schema', 'Found no column; a table needs one that is not a partition column.')
  const names = new Map<string, string>()
  for (const column of schema) {
    const twin = names.get(column.name.toLowerCase())
    if (twin !== undefined)
      problem(column.name, `Differs from "${twin}" in case only, or not at all; readers ignore case.`)
    names.set(column.name.toLowerCase(), column.name)
    problems.push(...columnProblems(column))
  }
  for (const name of partitionColumns) {
    const column = schema.find((candidate) => candidate.name === name)
    if (!column)
      problem(name, `Is a partition column but none of the columns: ${schema.map((c) => c.name).join(', ')}.`)
    else if (typeof column.type !== 'string' || column.type === 'binary') {
      problem(name, `Is a partition column of type ${typeName(column.type)}; expected a type with a plain text form.`)
    }
  }
  if (new Set(partitionColumns).size < partitionColumns.length) problem('partitionColumns', 'Names a column twice.')
  if (schema.length > 0 && schema.every(({ name }) => partitionColumns.includes(name))) {
    problem('partitionColumns', 'Holds every column; expected at least one column that is stored in the files.')
  }
  return problems
}

function columnProblems({ name, type }: DeltaColumn): Problem[] {
  const problems: Problem[] = []
  // Without column mapping these cannot be in the name of a Parquet column that every reader takes.
  if (name === '' || /[ ,;{}()\n\t=]/.test(name)) {
    problems.push({
      where: name,
      message: 'Found a column name that is empty or has white space or one of ,;{}()= in it.',
    })
  }
  for (const primitive of primitivesIn(type)) {
    if (!PRIMITIVE.test(primitive)) {
      const fix = primitive === 'timestamp_ntz' ? 'Use "timestamp", which is UTC.' : undefined
      problems.push({
        where: name,
        message: `Found type "${primitive}", which is none of Delta's.`,
        ...(fix && { fix }),
      })
    }
  }
  return problems
}

function primitivesIn(type: DeltaType): string[] {
  if (typeof type === 'string') return [type]
  if (type.type === 'struct') return type.fields.flatMap((field) => primitivesIn(field.type))
  if (type.type === 'array') return primitivesIn(type.elementType)
  return [...primitivesIn(type.keyType), ...primitivesIn(type.valueType)]
}

/**
 * The table's schema after data with the schema `found` was written: columns that `found` alone has are added at the end.
 * A column that `found` lacks is null in its rows. Fields inside of structs cannot be added.
 * @returns `expected` itself where nothing is new
 * @throws MillraceError DELTA_SCHEMA_MISMATCH with every column that does not fit
 */
export function evolvedSchema(expected: DeltaSchema, found: DeltaSchema): DeltaSchema {
  const problems = schemaProblems(found, [])
  const known = new Map(expected.map((column) => [column.name.toLowerCase(), column]))
  const added: DeltaColumn[] = []
  for (const column of found) {
    const old = known.get(column.name.toLowerCase())
    if (old) problems.push(...changeProblems(old, column))
    else if (column.nullable) added.push(column)
    else problems.push(notNullProblem(column))
  }
  const foundNames = new Set(found.map(({ name }) => name))
  for (const { name, nullable, type } of expected) {
    if (!nullable && !foundNames.has(name)) {
      problems.push({ where: name, message: `Found no such column, expected ${typeName(type)}, never null.` })
    }
  }
  if (problems.length > 0) throw mismatch(problems)
  return added.length === 0 ? expected : [...expected, ...added]
}

function changeProblems(expected: DeltaColumn, found: DeltaColumn): Problem[] {
  const where = expected.name
  if (found.name !== expected.name) {
    return [{ where, message: `Found "${found.name}", expected "${expected.name}": names differ in case only.` }]
  }
  if (!isSameType(expected.type, found.type)) {
    return [{ where, message: `Found ${typeName(found.type)}, expected ${typeName(expected.type)}.` }]
  }
  if (found.nullable && !expected.nullable) {
    return [{ where, message: `Found ${typeName(found.type)} that may be null, expected one that is never null.` }]
  }
  return []
}

function notNullProblem({ name, type }: DeltaColumn): Problem {
  return {
    where: name,
    message: `Found a new column ${typeName(type)} that is never null, expected one that may be null: older rows have no value for it.`,
  }
}

function mismatch(problems: readonly Problem[]): MillraceError {
  const columns = problems.map(({ where }) => where).join(', ')
  return new MillraceError('DELTA_SCHEMA_MISMATCH', `The columns do not fit the table's: ${columns}.`, {
    problems,
    fix: 'Write the columns as the table has them, or give a changed column a new name; only columns that may be null can be added.',
  })
}

export function isSameType(a: DeltaType, b: DeltaType): boolean {
  return typeName(a) === typeName(b)
}

/** As SQL would write it, nullability of inner values included. */
function typeName(type: DeltaType): string {
  if (typeof type === 'string') return type.replace(/\s/g, '')
  if (type.type === 'array') return `array<${typeName(type.elementType)}${type.containsNull ? '' : ' not null'}>`
  if (type.type === 'map') {
    const value = `${typeName(type.valueType)}${type.valueContainsNull ? '' : ' not null'}`
    return `map<${typeName(type.keyType)}, ${value}>`
  }
  const fields = type.fields.map((f) => `${f.name} ${typeName(f.type)}${f.nullable ? '' : ' not null'}`)
  return `struct<${fields.join(', ')}>`
}
