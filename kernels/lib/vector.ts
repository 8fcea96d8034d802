// Building blocks shared by the kernels: dense float32 vectors whose length is a multiple of 4, addressed by byte offset.

/** Sum of the four lanes, pairwise, so that the order of addition is fixed. */
// @ts-ignore: decorator
@inline
export function horizontalSum(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1))
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1)
}

/** Inner product of two vectors of `length` float32 (a multiple of 4). */
// @ts-ignore: decorator
@inline
export function dot(a: usize, b: usize, length: i32): f32 {
  let sum0 = f32x4.splat(0)
  let sum1 = f32x4.splat(0)
  const bytes: usize = usize(length) << 2
  let i: usize = 0
  for (; i + 32 <= bytes; i += 32) {
    sum0 = f32x4.relaxed_madd(v128.load(a + i), v128.load(b + i), sum0)
    sum1 = f32x4.relaxed_madd(v128.load(a + i, 16), v128.load(b + i, 16), sum1)
  }
  if (i < bytes) sum0 = f32x4.relaxed_madd(v128.load(a + i), v128.load(b + i), sum0)
  return horizontalSum(f32x4.add(sum0, sum1))
}
