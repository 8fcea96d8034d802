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

parentPort?.on('message', (call: KernelCall) => {
  let reply: KernelReply
  try {
    kernelFunction(call.kernel, call.functionName)(...call.args)
    reply = { id: call.id }
  } catch (error) {
    reply = { id: call.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage(reply)
})
