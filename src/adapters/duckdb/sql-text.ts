/** A text as a literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A name as DuckDB takes any name. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
