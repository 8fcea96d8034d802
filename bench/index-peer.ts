// Talks to bench/index-peer.py, which holds the Python indexes, so that measurements of the two sides can alternate.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface PeerConfig {
  readonly items: string
  readonly queries: string
  readonly width: number
  readonly k: number
  readonly recall: number
  /** A folder that keeps built indexes from one run to the next. */
  readonly cache: string
}

/** A peer's setting with the most queries per second at the wanted recall; without `setting`, none reached it. */
export interface PeerSetting {
  readonly peer: string
  readonly setting?: string
  readonly recall?: number
  readonly batchSeconds?: number
  readonly singleSeconds?: number
}

export interface Peers {
  readonly settings: readonly PeerSetting[]
  secondsPerQuery(peer: string): Promise<number>
  close(): void
}

/** Resolves when every peer has found its best setting; minutes for large catalogues. */
export async function startPeers(python: string, config: PeerConfig, log: (line: string) => void): Promise<Peers> {
  // Where they are set, these two can slow numpy's matrix products down, which would flatter us.
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env
  const script = fileURLToPath(new URL('./index-peer.py', import.meta.url))
  const child = spawn(python, [script, JSON.stringify(config)], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  createInterface({ input: child.stderr }).on('line', (line) => log(`  ${line}`))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the peers stopped before they answered')
    return JSON.parse(value)
  }
  const settings: PeerSetting[] = []
  for (let line = await nextLine(); !line.ready; line = await nextLine()) settings.push(line)
  return {
    settings,
    secondsPerQuery: async (peer) => {
      child.stdin.write(`measure ${peer}\n`)
      return (await nextLine()).seconds
    },
    close: () => child.stdin.end(),
  }
}
