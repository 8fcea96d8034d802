/** Takes all out. One by one, for short arrays that are filled again and again: setting the length is a call into the engine that gives their memory back. */
export function empty(array: unknown[]): void {
  while (array.length > 0) array.pop()
}
