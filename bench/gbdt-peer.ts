// Talks to bench/gbdt-peer.py, which holds LightGBM, so that runs of the two sides can alternate.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TreesRows } from '../src/models/boosted-trees/trees-settings.ts'

/** Rows as the peer reads them: files of plain numbers. */
interface PeerRows {
  readonly columns: string
  readonly labels: string
  readonly featureCount: number
  readonly querySizes?: readonly number[]
}

export interface PeerTraining {
  readonly binSeconds: number
  readonly boostSeconds: number
  readonly predictions: Float64Array
}

/** Medians, in seconds a call. */
export interface PeerScoring {
  readonly lightgbm: number
  readonly lightgbmOneTree: number
  readonly onnxruntime?: number
  readonly onnxError?: string
}

export class GbdtPeer {
  readonly #folder: string
  readonly #child
  readonly #lines: AsyncIterator<string>

  /** @param folder for files of rows, models and predictions */
  constructor(python: string, folder: string, log: (line: string) => void) {
    this.#folder = folder
    this.#child = spawn(python, [fileURLToPath(new URL('./gbdt-peer.py', import.meta.url))])
    createInterface({ input: this.#child.stderr }).on('line', (line) => log(`  ${line}`))
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  place(name: string, { columns, labels, queryOffsets }: TreesRows): PeerRows {
    const paths = { columns: join(this.#folder, `${name}.f32`), labels: join(this.#folder, `${name}.f64`) }
    const all = new Float32Array(columns.length * labels.length)
    for (const [feature, column] of columns.entries()) all.set(column, feature * labels.length)
    writeFileSync(paths.columns, new Uint8Array(all.buffer))
    writeFileSync(paths.labels, new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))
    return {
      ...paths,
      featureCount: columns.length,
      ...(queryOffsets && { querySizes: Array.from(queryOffsets.subarray(1), (end, q) => end - queryOffsets[q]!) }),
    }
  }

  async train(
    rows: { readonly train: PeerRows; readonly test: PeerRows },
    params: Readonly<Record<string, number | string | boolean>>,
    trees: number,
    model?: string,
  ): Promise<PeerTraining> {
    const predictions = join(this.#folder, 'predictions.f64')
    const answer = await this.#ask({
      kind: 'train',
      ...rows,
      params,
      trees,
      predictions,
      ...(model && { model: join(this.#folder, model) }),
    })
    const bytes = readFileSync(predictions)
    const values = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
    return { ...(answer as Omit<PeerTraining, 'predictions'>), predictions: values }
  }

  async score(rows: PeerRows, model: string, calls: number): Promise<PeerScoring> {
    return (await this.#ask({ kind: 'score', rows, model: join(this.#folder, model), calls })) as PeerScoring
  }

  close(): void {
    this.#child.stdin.end()
  }

  async #ask(task: object): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the peer stopped before it answered')
    return JSON.parse(value)
  }
}
