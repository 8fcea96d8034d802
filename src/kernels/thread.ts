// The other side of `threads.ts`: a worker that runs kernel functions over the memory it was given.
import { parentPort, workerData } from 'node:worker_threads'
import { instantiateKernel } from './memory.ts'
import type { KernelCall, KernelReply } from './threads.ts'

const memory = workerData as WebAssembly.Memory
const instances = new Map<string, Record<string, (...args: number[]) => unknown>>()

function kernelFunction(kernel: string, functionName: string): (...args: number[]) => unknown {
  let instance = instances.get(kernel)
  if (!instance) {
    instance = instantiateKernel<Record<string, (...args: number[]) => unknown>>(kernel, memory)
    instances.set(kernel, instance)
  }
  const found = instance[functionName]
  if (!found) throw new Error(`kernel ${kernel} has no function ${functionName}`)
  return found
}

/**
 * A memory that grows while a thread starts may have its old size there: loads and stores reach what is new all the same, but `memory.fill` and
 * `memory.copy` are held against the size that the thread knows, and trap. Growing by nothing makes it look again.
 */
function catchUp(memoryBytes: number): void {
  if (memory.buffer.byteLength < memoryBytes) memory.grow(0)
}

parentPort?.on('message', (call: KernelCall) => {
  let reply: KernelReply
  try {
    catchUp(call.memoryBytes)
    kernelFunction(call.kernel, call.functionName)(...call.args)
    reply = { id: call.id }
  } catch (error) {
    reply = { id: call.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage(reply)
})
