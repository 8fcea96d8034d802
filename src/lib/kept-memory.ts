// What this process keeps, after everything that nobody holds has been let go.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { othersTurn } from './others-turn.ts'

const BYTES_PER_KB = 1024

/**
 * Private memory after collections, in bytes: on Linux all that is not a file's page, elsewhere the resident set, which holds those too. The pages of stores on disk
 * that happen to be in memory are the system's to take back. What the heap has room for beyond what it holds counts, so that small differences say nothing.
 */
export async function keptMemory(): Promise<number> {
  await collectGarbage()
  try {
    const [, kilobytes] = /^RssAnon:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!
    return Number(kilobytes) * BYTES_PER_KB
  } catch {
    return process.memoryUsage().rss
  }
}

/** What objects and arrays hold after collections, in bytes, to the last of them; memories of WebAssembly are not in it. */
export async function heldBytes(): Promise<number> {
  await collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What a finaliser lets go is collected by the next one.
  for (let n = 0; n < 2; n++) {
    collect()
    await othersTurn()
  }
}
