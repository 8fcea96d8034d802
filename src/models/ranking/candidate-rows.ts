// Rows of all columns, as training and serving make them: what the generators say of each candidate, then its features.
import type { FeatureReading } from '../../domain/feature.ts'
import type { CandidatePool } from './candidate-pool.ts'
import type { FeatureEncoder } from './feature-encoder.ts'

/** The columns of the pool, then those of the encoder. */
export const rowColumnNames = (pool: CandidatePool, encoder: FeatureEncoder): readonly string[] => [
  ...pool.columnNames,
  ...encoder.names,
]

/**
 * Fills `out`, candidates x columns, row-major.
 * @param values candidates x columns of the pool, row-major
 * @param readings by candidate, in the order of the encoder's names; not looked at where it has none
 */
export function fillRows(
  values: Float32Array,
  poolWidth: number,
  encoder: FeatureEncoder,
  readings: readonly (readonly FeatureReading[])[],
  out: Float32Array,
): void {
  const width = poolWidth + encoder.names.length
  const count = values.length / poolWidth
  for (let i = 0; i < count; i++) {
    out.set(values.subarray(i * poolWidth, (i + 1) * poolWidth), i * width)
    if (encoder.names.length > 0) encoder.encode(readings[i]!, out, i * width + poolWidth)
  }
}
