import { expect, it } from 'vitest'
import type { Checkpoints } from './checkpoints.ts'

/** What every store of checkpoints must do. @param withStore runs a check on an empty one, that can be opened again */
export function testCheckpoints(
  withStore: (check: (checkpoints: Checkpoints, again: () => Checkpoints) => Promise<void>) => Promise<void>,
): void {
  const artifacts = {
    factors: new Float32Array([1, -0.5, Number.NaN]),
    ends: new Int32Array([2 ** 31 - 1]),
    exact: new Float64Array([Math.PI]),
    codes: new Int8Array([-128]),
    nothing: new Uint8Array(0),
  }

  it('gives back what was kept, and only for the same name and key', () =>
    withStore(async (checkpoints, again) => {
      expect(await checkpoints.load('cf', 'k1')).toBeUndefined()
      await checkpoints.save('cf', 'k1', artifacts)
      expect(await again().load('cf', 'k1')).toEqual(artifacts)
      expect(await checkpoints.load('cf', 'k2')).toBeUndefined()
      expect(await checkpoints.load('other', 'k1')).toBeUndefined()
    }))

  it('keeps several keys of a name, and the last of what is kept under the same', () =>
    withStore(async (checkpoints) => {
      await checkpoints.save('cf', 'k1', { a: new Uint8Array([1]) })
      await checkpoints.save('cf', 'k2', { a: new Uint8Array([2]) })
      await checkpoints.save('cf', 'k1', { b: new Uint8Array([3]) })
      expect(await checkpoints.load('cf', 'k1')).toEqual({ b: new Uint8Array([3]) })
      expect(await checkpoints.load('cf', 'k2')).toEqual({ a: new Uint8Array([2]) })
    }))
}
