// Load from another process, so that what sends requests never slows what answers them. Both sides are pinned to a core of their own where
// the machine can do that (`taskset` on Linux).
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface LoadOptions {
  readonly port: number
  readonly path: string
  readonly connectionCount: number
  /** JSON bodies, sent in turn; a GET where there are none. */
  readonly bodiesFile?: string
  /**
   * Requests per second, arriving at random moments (a Poisson process) whether or not earlier ones are answered: the latency counts from
   * the moment at which a request should have been sent, so a stall of the server is paid by every request that it delays (no coordinated
   * omission). Left out: each connection sends its next request as soon as it has an answer.
   */
  readonly arrivalsPerSecond?: number
  readonly warmupMs: number
  readonly durationMs: number
  readonly seed: number
}

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly latencyMsP50: number
  readonly latencyMsP99: number
  readonly latencyMsMax: number
  readonly answerCount: number
  /** Answers with another status than 200. */
  readonly failureCount: number
  readonly answerBytesMean: number
}

/** Where programs can be pinned to a core: the server to the first, the load to the second. */
export const canPin = availableParallelism() > 1 && hasTaskset()

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const child = spawnScript('load-generator.ts', [JSON.stringify(options)])
  pin(child, 1)
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    output += part
  })
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`the load generator ended with ${code}`)
  return JSON.parse(output) as LoadResult
}

export interface ServerProcess {
  readonly port: number
  readonly processId: number
  /** What the server said of itself when it was ready. */
  readonly note: Readonly<Record<string, unknown>>
  /** Sends a line. */
  say(line: string): void
  /** Sends a line, and resolves to the next line of JSON that the server prints. */
  ask(line: string): Promise<unknown>
  stop(): Promise<void>
}

/** Starts a program of this folder that prints one line of JSON with its port once it listens, and stops when its input ends. */
export async function startServer(
  script: string,
  options: object,
  nodeArgs: readonly string[] = [],
  core = 0,
): Promise<ServerProcess> {
  const child = spawnScript(script, [JSON.stringify(options)], nodeArgs)
  const lines = createInterface({ input: child.stdout! })
  const closed = once(child, 'close')
  const first = await Promise.race([once(lines, 'line'), closed])
  if (typeof first[0] !== 'string') throw new Error(`${script} ended with ${first[0]} before it was ready`)
  const note = JSON.parse(first[0]) as { port: number }
  // Only now: making the shop and its model may use every core.
  pin(child, core)
  return {
    port: note.port,
    processId: child.pid!,
    note,
    say: (line) => void child.stdin!.write(`${line}\n`),
    ask: async (line) => {
      const answer = once(lines, 'line')
      child.stdin!.write(`${line}\n`)
      return JSON.parse(String((await answer)[0]))
    },
    stop: async () => {
      child.stdin!.end()
      await closed
    },
  }
}

function spawnScript(script: string, args: readonly string[], nodeArgs: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return spawn(process.execPath, [...nodeArgs, path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** All threads of the process, those of the garbage collector too. */
function pin(child: ChildProcess, core: number): void {
  if (canPin) execFileSync('taskset', ['-a', '-c', '-p', String(core), String(child.pid)], { stdio: 'ignore' })
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
