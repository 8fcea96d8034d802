import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** The last bytes of a file, as text; empty where it is missing. A character that is cut in two shows as U+FFFD. */
export function tailOf(path: string, bytesMax: number): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    const { size } = fstatSync(file)
    const tail = Buffer.alloc(Math.min(size, bytesMax))
    return tail.toString('utf8', 0, readSync(file, tail, 0, tail.length, size - tail.length))
  } finally {
    closeSync(file)
  }
}
