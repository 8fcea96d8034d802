// Runs one kernel function on several threads over one shared memory. The kernels divide the work among themselves, usually by taking chunk
// numbers from an atomic counter in that memory; this file only starts, calls and stops the threads.
import { Worker } from 'node:worker_threads'
import type { KernelMemory } from './memory.ts'

export interface KernelCall {
  readonly id: number
  readonly kernel: string
  readonly functionName: string
  readonly args: readonly number[]
  /** How large the memory is; a thread may not have heard of its last growth. */
  readonly memoryBytes: number
}

export interface KernelReply {
  readonly id: number
  readonly error?: string
}

/** A fixed set of threads bound to one `KernelMemory`. Close it, or the process stays alive. */
export class KernelThreads {
  readonly threadCount: number
  readonly #memory: KernelMemory
  readonly #workers: Worker[] = []
  readonly #pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #nextId = 0

  constructor(memory: KernelMemory, threadCount: number) {
    this.#memory = memory
    this.threadCount = threadCount
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    for (let thread = 0; thread < threadCount; thread++) {
      const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), { workerData: memory.memory })
      worker.on('message', (reply: KernelReply) => {
        const call = this.#pending.get(reply.id)
        this.#pending.delete(reply.id)
        if (reply.error === undefined) call?.resolve()
        else call?.reject(new Error(reply.error))
      })
      worker.on('error', (error: Error) => {
        for (const call of this.#pending.values()) call.reject(error)
        this.#pending.clear()
      })
      this.#workers.push(worker)
    }
  }

  /**
   * Calls `functionName` of `kernel` once on every thread, at the same time, and resolves when all have returned.
   * @param argsOf the arguments for one thread, 0-based
   */
  async run(kernel: string, functionName: string, argsOf: (thread: number) => readonly number[]): Promise<void> {
    const memoryBytes = this.#memory.memory.buffer.byteLength
    await Promise.all(
      this.#workers.map((worker, thread) => {
        const id = this.#nextId++
        return new Promise<void>((resolve, reject) => {
          this.#pending.set(id, { resolve, reject })
          worker.postMessage({ id, kernel, functionName, args: argsOf(thread), memoryBytes } satisfies KernelCall)
        })
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}
