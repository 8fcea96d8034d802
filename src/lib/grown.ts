type GrowingArray = Int32Array | Uint32Array | Float64Array | Float32Array | Uint16Array | Uint8Array | Int8Array

/** The array itself where it holds `length` entries, else a copy with at least as many, the new ones 0. Appending one by one stays linear. */
export function grown<A extends GrowingArray>(array: A, length: number): A {
  if (array.length >= length) return array
  const larger = new (array.constructor as new (length: number) => A)(
    Math.max(length, Math.ceil(array.length * 1.5), 16),
  )
  larger.set(array)
  return larger
}
