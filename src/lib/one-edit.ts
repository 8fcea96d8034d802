/** Whether the texts differ by exactly one letter that is there, missing or another one, or by two neighbours that changed places. Linear. */
export function isOneEdit(a: string, b: string): boolean {
  if (a.length > b.length) return isOneEdit(b, a)
  if (b.length - a.length > 1 || a === b) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const left = a.length - start - end
  if (a.length < b.length) return left === 0
  return left === 1 || (left === 2 && a[start] === b[start + 1] && a[start + 1] === b[start])
}
