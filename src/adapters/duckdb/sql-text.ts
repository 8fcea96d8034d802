/** A text as a literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A name as DuckDB takes any name. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A list of texts. */
export const list = (names: readonly string[]): string => `[${names.map(literal).join(', ')}]::VARCHAR[]`

/** A float64 literal: digits alone would be a DECIMAL. */
export const double = (value: number): string => `${value}::DOUBLE`
