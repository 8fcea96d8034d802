// The JSON of values that stay as they are: an answer goes out as that text, and into its record.

/** Where a value keeps its text. Not in a WeakMap: the collector of young objects takes the texts in an old one for alive, whatever has become of their keys. */
const TEXT = Symbol('JSON')

/** Made when somebody asks first, and kept as long as the value is. A copy of the value makes its own. */
export function jsonText(value: object & { readonly [TEXT]?: string }): string {
  const known = value[TEXT]
  if (known !== undefined) return known
  const text = JSON.stringify(value)
  Object.defineProperty(value, TEXT, { value: text })
  return text
}
