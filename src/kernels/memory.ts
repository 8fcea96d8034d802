// Where the numeric kernels' data lives: one WebAssembly memory per workload, laid out by the host. Kernels get byte addresses; JavaScript
// gets typed-array views of the same bytes, so nothing is copied between them.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../lib/errors.ts'

const PAGE_BYTES = 65_536
/** Kernels address memory with 32 bits. */
const MAX_BYTES = 65_536 * PAGE_BYTES
/** One cache line; also satisfies every SIMD load. */
const ALIGNMENT_BYTES = 64
/** The first pages belong to the kernels' static data. */
const FIRST_ADDRESS = 2 * PAGE_BYTES

const memories = new Set<WeakRef<WebAssembly.Memory>>()

/** Bytes of all kernels' memories that this thread has made and that somebody still holds: no figure of the process tells them apart. */
export function kernelMemoryBytes(): number {
  let bytes = 0
  for (const reference of memories) {
    const memory = reference.deref()
    if (memory === undefined) memories.delete(reference)
    else bytes += memory.buffer.byteLength
  }
  return bytes
}

/**
 * A growing memory that hands out aligned typed arrays and never frees one, except by rewinding to a mark.
 * Views stay valid for the memory's life: it is shared, so growing it does not detach them.
 */
export class KernelMemory {
  readonly memory: WebAssembly.Memory
  #next = FIRST_ADDRESS

  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 2, maximum: MAX_BYTES / PAGE_BYTES, shared: true })
    memories.add(new WeakRef(this.memory))
  }

  float32(length: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.#buffer(length * 4), this.#take(length * 4), length)
  }

  float64(length: number): Float64Array<SharedArrayBuffer> {
    return new Float64Array(this.#buffer(length * 8), this.#take(length * 8), length)
  }

  int32(length: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(this.#buffer(length * 4), this.#take(length * 4), length)
  }

  uint32(length: number): Uint32Array<SharedArrayBuffer> {
    return new Uint32Array(this.#buffer(length * 4), this.#take(length * 4), length)
  }

  uint16(length: number): Uint16Array<SharedArrayBuffer> {
    return new Uint16Array(this.#buffer(length * 2), this.#take(length * 2), length)
  }

  uint8(length: number): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.#buffer(length), this.#take(length), length)
  }

  /** Copies `values` in and returns the view of the copy. */
  placeFloat32(values: ArrayLike<number>): Float32Array<SharedArrayBuffer> {
    const view = this.float32(values.length)
    view.set(values)
    return view
  }

  placeInt32(values: ArrayLike<number>): Int32Array<SharedArrayBuffer> {
    const view = this.int32(values.length)
    view.set(values)
    return view
  }

  /** The current end of what is in use; everything allocated after it is given back by `rewind`. */
  mark(): number {
    return this.#next
  }

  /** Views allocated after the mark must not be used any more. */
  rewind(mark: number): void {
    this.#next = mark
  }

  /** Bytes handed out so far. */
  get usedBytes(): number {
    return this.#next
  }

  /** The buffer, grown so that `byteLength` more bytes fit. */
  #buffer(byteLength: number): SharedArrayBuffer {
    const endByte = this.#next + byteLength + ALIGNMENT_BYTES
    if (endByte > MAX_BYTES) {
      throw new MillraceError(
        'KERNEL_MEMORY_EXHAUSTED',
        `The numeric kernels need ${Math.ceil(endByte / 2 ** 20)} MiB, and at most ${MAX_BYTES / 2 ** 20} MiB can be addressed.`,
        { fix: 'Train on less: fewer users, items, rows or features, or fewer factors.' },
      )
    }
    const missingPages = Math.ceil((endByte - this.memory.buffer.byteLength) / PAGE_BYTES)
    if (missingPages > 0) this.memory.grow(missingPages)
    return this.memory.buffer as unknown as SharedArrayBuffer
  }

  #take(byteLength: number): number {
    const address = this.#next
    this.#next = Math.ceil((address + byteLength) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return address
  }
}

const compiledModules = new Map<string, WebAssembly.Module>()

/** An instance of `build/kernels/<name>.wasm` over `memory`. Compiled once per thread; instances are cheap. */
export function instantiateKernel<Exports>(name: string, memory: WebAssembly.Memory): Exports {
  let module = compiledModules.get(name)
  if (!module) {
    const path = fileURLToPath(new URL(`../../build/kernels/${name}.wasm`, import.meta.url))
    if (!existsSync(path)) {
      throw new MillraceError('KERNEL_NOT_BUILT', `The kernel ${name} is not compiled: ${path} does not exist.`, {
        fix: 'Run "npm run build:kernels".',
      })
    }
    module = new WebAssembly.Module(readFileSync(path))
    compiledModules.set(name, module)
  }
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      abort: () => {
        throw new Error(`kernel ${name} aborted`)
      },
    },
  })
  return instance.exports as Exports
}
