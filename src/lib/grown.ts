type GrowingArray = Int32Array | Uint32Array | Float64Array | Float32Array | Uint16Array | Uint8Array | Int8Array

/** The array itself where it holds `length` entries, else a copy with at least as many, the new ones 0. Appending one by one stays linear. */
export function grown<A extends GrowingArray>(array: A, length: number): A {
  if (array.length >= length) return array
  const larger = new (array.constructor as new (length: number) => A)(nextLength(array.length, length))
  larger.set(array)
  return larger
}

/** Entries for which an array has room to which so many were appended one by one. */
export function grownLength(count: number): number {
  let length = 0
  while (length < count) length = nextLength(length, length + 1)
  return length
}

const nextLength = (present: number, wanted: number): number => Math.max(wanted, Math.ceil(present * 1.5), 16)
