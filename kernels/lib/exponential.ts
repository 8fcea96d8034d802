// The exponential function of four float32 at once.

// @ts-ignore: decorator
@inline
const LOG2_E: f32 = 1.44269504
/** ln 2 in two parts, the first with few enough digits that its product with a small whole number is exact. */
// @ts-ignore: decorator
@inline
const LN2_HIGH: f32 = 0.693359375
// @ts-ignore: decorator
@inline
const LN2_LOW: f32 = -2.12194440e-4

/**
 * exp(x), with a relative error below 3e-7; x is cut to [-80, 80]. By halving x to n ln 2 + r and the Taylor series of exp(r) up to r^6 / 720.
 * Plain multiplications and additions only, so that every processor gives the same bits.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const cut = f32x4.min(f32x4.max(x, f32x4.splat(-80)), f32x4.splat(80))
  const n = f32x4.nearest(f32x4.mul(cut, f32x4.splat(LOG2_E)))
  const r = f32x4.sub(f32x4.sub(cut, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)))
  let sum = f32x4.add(f32x4.mul(r, f32x4.splat(<f32>(1.0 / 720))), f32x4.splat(<f32>(1.0 / 120)))
  sum = f32x4.add(f32x4.mul(r, sum), f32x4.splat(<f32>(1.0 / 24)))
  sum = f32x4.add(f32x4.mul(r, sum), f32x4.splat(<f32>(1.0 / 6)))
  sum = f32x4.add(f32x4.mul(r, sum), f32x4.splat(0.5))
  sum = f32x4.add(f32x4.mul(r, sum), f32x4.splat(1))
  sum = f32x4.add(f32x4.mul(r, sum), f32x4.splat(1))
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23)
  return f32x4.mul(sum, power)
}
