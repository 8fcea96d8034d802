// Scores of one query against many vectors, the exact search that every approximate one is measured against.
import { dot } from './lib/vector'

/** scores[i] = <query, vectors[i]> for `count` rows of `width` float32 (width a multiple of 4). */
export function scoreAll(query: usize, vectors: usize, count: i32, width: i32, scores: usize): void {
  const rowBytes = usize(width) << 2
  for (let i = 0; i < count; i++) {
    store<f32>(scores + (usize(i) << 2), dot(query, vectors + usize(i) * rowBytes, width))
  }
}
