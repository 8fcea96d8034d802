// The JSON of values that stay as they are: an answer goes out as that text, and into its record.

const texts = new WeakMap<object, string>()

/** Made when somebody asks first, and kept as long as the value is. */
export function jsonText(value: object): string {
  const known = texts.get(value)
  if (known !== undefined) return known
  const text = JSON.stringify(value)
  texts.set(value, text)
  return text
}
