// About how many different labels there were, as text that can be stored and merged: the registers of hyper-log-log.ts. Merging takes the larger
// register: exact, in any order.
import { distinctCode, distinctEstimate, REGISTER_COUNT } from './hyper-log-log.ts'

/** Registers as text of one base-64 digit each (a register is at most 40); '' where nothing was counted. Plain data. */
export type DistinctSketch = string

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const valueOfDigit = new Map([...digits].map((digit, value) => [digit, value]))

export class DistinctSketchBuilder {
  readonly #registers = new Uint8Array(REGISTER_COUNT)
  #isEmpty = true

  add(label: string): void {
    this.#isEmpty = false
    const code = distinctCode(label)
    const register = code >> 6
    this.#registers[register] = Math.max(this.#registers[register]!, code & 63)
  }

  finish(): DistinctSketch {
    return this.#isEmpty ? '' : Array.from(this.#registers, (rank) => digits[rank]).join('')
  }
}

export function mergeDistinct(a: DistinctSketch, b: DistinctSketch): DistinctSketch {
  if (a === '' || b === '') return a || b
  let merged = ''
  for (let i = 0; i < REGISTER_COUNT; i++) merged += valueOfDigit.get(a[i]!)! >= valueOfDigit.get(b[i]!)! ? a[i] : b[i]
  return merged
}

/** @returns within 3.25 % in standard error; nearly exact for a few dozens */
export function distinctCount(sketch: DistinctSketch): number {
  let emptyCount = sketch === '' ? REGISTER_COUNT : 0
  let inverseSum = 0
  for (const digit of sketch) {
    const rank = valueOfDigit.get(digit)!
    if (rank === 0) emptyCount++
    else inverseSum += 2 ** -rank
  }
  return distinctEstimate(emptyCount, inverseSum)
}
