// Where the public research data lies. It is not part of the repository: a benchmark that needs it says so and is skipped.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const dataDir = process.env.MILLRACE_DATA ?? fileURLToPath(new URL('../../shared/data', import.meta.url))

/** The path of a data file, or why there is none. */
export function dataFile(name: string): { path: string } | { skipped: string } {
  const path = join(dataDir, name)
  if (existsSync(path)) return { path }
  return { skipped: `${name} is not in ${dataDir}; set MILLRACE_DATA to the folder that holds the research data.` }
}

/** The lines of a gzip-compressed text file, without an empty last one. */
export function gzipLines(path: string): string[] {
  const lines = gunzipSync(readFileSync(path)).toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}
