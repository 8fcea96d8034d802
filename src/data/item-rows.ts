// What a request wants to know of an item, side by side. A request looks at five hundred items of a hundred thousand, whose rows have left the caches since the last one: each
// cache line of a row costs as much as fifty additions, and so does each page that the processor has not looked at lately. So a row is small, and does not begin in the
// middle of a line where that can be helped.
import { KernelMemory } from '../kernels/memory.ts'
import { haveRead } from '../lib/touch.ts'

/** Numbers of texts are below this. */
export const TEXT_NUMBERS = 0xffff

/** How many of each kind a row has. */
export interface RowShape {
  /** Numbers of texts. */
  readonly textCount: number
  /** In float64. */
  readonly partCount: number
  /** In float32. */
  readonly numberCount: number
}

/** Of a cache line. */
const LINE_BYTES = 64
/** Rows are made longer, to be whole lines, where they take up to so many times the memory by that. */
const LENGTHENED_MAX = 1.25

/** A row: until when it holds; the numbers of texts; parts; numbers. None holds at first. */
export class ItemRows {
  /** In float32, as all places but those that say otherwise. */
  readonly #stride: number
  readonly #firstText = 2
  readonly #firstPart: number
  readonly #firstNumber: number
  /** The last place of a row, where it is in another line than the first. */
  readonly #farPlace: number
  readonly #numbers: Float32Array
  // The same bytes.
  readonly #texts: Uint16Array
  readonly #parts: Float64Array
  /** Of each item the first moment at which its row holds, and the first one after that at which it does not. */
  readonly #moments: Float64Array
  /** From when on no row has to wait for its first moment. */
  #latestFromMs = Number.NEGATIVE_INFINITY
  /** What the rows say of moments is counted from here, so that it is exact to some milliseconds for days. */
  readonly #nearMs: number

  /** @param nearMs of the moments that will be asked about, more or less */
  constructor(itemCount: number, { textCount, partCount, numberCount }: RowShape, nearMs: number) {
    this.#nearMs = nearMs
    const textPlaces = 1 + Math.ceil(textCount / 2)
    this.#firstPart = partCount === 0 ? textPlaces : 2 * Math.ceil(textPlaces / 2)
    this.#firstNumber = this.#firstPart + 2 * partCount
    const bytes = 8 * Math.ceil((this.#firstNumber + numberCount) / 2)
    const lineBytes = LINE_BYTES * Math.ceil(bytes / LINE_BYTES)
    this.#stride = (lineBytes <= LENGTHENED_MAX * bytes ? lineBytes : bytes) / 4
    this.#farPlace = this.#stride * 4 === LINE_BYTES ? 0 : this.#stride - 1
    // For its alignment: it begins with a line.
    this.#numbers = new KernelMemory().float32(itemCount * this.#stride)
    const { buffer, byteOffset, byteLength } = this.#numbers
    this.#texts = new Uint16Array(buffer, byteOffset, byteLength / 2)
    this.#parts = new Float64Array(buffer, byteOffset, byteLength / 8)
    this.#moments = new Float64Array(2 * itemCount)
    for (let item = 0; item < itemCount; item++) this.forget(item)
  }

  /** Those whose rows do not hold at the moment, each once. Rows have been read ahead after it: whoever asks for what is in them has not to wait for each one. */
  notHolding(items: Int32Array, momentMs: number): readonly number[] {
    this.#readAhead(items)
    const numbers = this.#numbers
    const stride = this.#stride
    const sinceNearMs = momentMs >= this.#latestFromMs ? momentMs - this.#nearMs : Number.POSITIVE_INFINITY
    const found: number[] = []
    for (let n = 0; n < items.length; n++) {
      const item = items[n]!
      if (!(sinceNearMs < numbers[item * stride]!) && !this.#holdsExactly(item, momentMs)) found.push(item)
    }
    return found.length < 2 ? found : [...new Set(found)]
  }

  /** A loop that does nothing else, so that a dozen rows are on their way at once: with the comparison in it, it takes twice as long as both loops together. */
  #readAhead(items: Int32Array): void {
    const numbers = this.#numbers
    const stride = this.#stride
    let sum = 0
    for (let n = 0; n < items.length; n++) sum += numbers[items[n]! * stride]!
    const farPlace = this.#farPlace
    if (farPlace > 0) for (let n = 0; n < items.length; n++) sum += numbers[items[n]! * stride + farPlace]!
    haveRead(sum)
  }

  /** From the first moment it holds, to before the second. */
  setMoments(item: number, fromMs: number, untilMs: number): void {
    this.#moments[2 * item] = fromMs
    this.#moments[2 * item + 1] = untilMs
    const isEver = fromMs < untilMs
    if (isEver && fromMs > this.#latestFromMs) this.#latestFromMs = fromMs
    this.#numbers[item * this.#stride] = isEver ? notAfter(untilMs - this.#nearMs) : Number.NEGATIVE_INFINITY
  }

  /** It holds at no moment any more. */
  forget(item: number): void {
    this.setMoments(item, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
  }

  /** @param number undefined where it has none */
  setText(item: number, text: number, number: number | undefined): void {
    this.#texts[2 * item * this.#stride + this.#firstText + text] = number ?? TEXT_NUMBERS
  }

  setPart(item: number, part: number, value: number): void {
    this.#parts[(item * this.#stride + this.#firstPart) / 2 + part] = value
  }

  setNumber(item: number, number: number, value: number): void {
    this.#numbers[item * this.#stride + this.#firstNumber + number] = value
  }

  /** All numbers of these items, an array each. */
  copyNumbers(items: Int32Array, to: readonly Float32Array[]): void {
    const step = this.#stride
    // A few items at a time: their rows are near by then, and each column is written in one go.
    for (let begin = 0; begin < items.length; begin += COPIED_ITEMS) {
      const end = Math.min(begin + COPIED_ITEMS, items.length)
      let number = 0
      for (; number + 4 <= to.length; number += 4) {
        copyFour(this.#numbers, { from: this.#firstNumber + number, step, begin, end }, items, to, number)
      }
      for (; number < to.length; number++) {
        copyColumn(this.#numbers, { from: this.#firstNumber + number, step, begin, end }, items, to[number]!)
      }
    }
  }

  /** One part of these items. */
  copyParts(part: number, items: Int32Array, to: Float64Array): void {
    const from = this.#firstPart / 2 + part
    copyColumn(this.#parts, { from, step: this.#stride / 2, begin: 0, end: items.length }, items, to)
  }

  /**
   * What is said of the text of each of these items.
   * @param values by number of the text
   * @param ofOther of an item whose text has no number
   */
  lookUp(
    text: number,
    items: Int32Array,
    { values, ofOther }: { readonly values: Float32Array; readonly ofOther: (item: number) => number },
    to: Float32Array,
  ): void {
    const texts = this.#texts
    const step = 2 * this.#stride
    const from = this.#firstText + text
    for (let n = 0; n < items.length; n++) {
      const number = texts[items[n]! * step + from]!
      to[n] = number === TEXT_NUMBERS ? ofOther(items[n]!) : values[number]!
    }
  }

  #holdsExactly(item: number, momentMs: number): boolean {
    return momentMs >= this.#moments[2 * item]! && momentMs < this.#moments[2 * item + 1]!
  }
}

const COPIED_ITEMS = 64

/** A float32 that is not above the number, and next to it or one further. */
const notAfter = (value: number): number =>
  Number.isFinite(value) ? Math.fround(value - Math.abs(value) * 2 ** -23) : value

/** Where in the row of item i a value lies, i * step + from, and which of the items. */
interface Steps {
  readonly from: number
  readonly step: number
  readonly begin: number
  readonly end: number
}

/** A function of its own, small enough to be compiled well. */
function copyColumn<A extends Float32Array | Float64Array>(
  values: A,
  { from, step, begin, end }: Steps,
  items: Int32Array,
  to: A,
): void {
  for (let n = begin; n < end; n++) to[n] = values[items[n]! * step + from]!
}

/** The columns from `first` on: most of the work is to find the row. */
function copyFour(
  values: Float32Array,
  { from, step, begin, end }: Steps,
  items: Int32Array,
  to: readonly Float32Array[],
  first: number,
): void {
  const to0 = to[first]!
  const to1 = to[first + 1]!
  const to2 = to[first + 2]!
  const to3 = to[first + 3]!
  for (let n = begin; n < end; n++) {
    const at = items[n]! * step + from
    to0[n] = values[at]!
    to1[n] = values[at + 1]!
    to2[n] = values[at + 2]!
    to3[n] = values[at + 3]!
  }
}
