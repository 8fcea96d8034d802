import { othersTurn } from '../../lib/others-turn.ts'

/** Short enough that no request waits for one. */
const SLICE_LENGTH = 100

/** The same in shorter pieces, and between them other work of the process gets its turn. */
export async function* inSlices<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<readonly T[]> {
  for await (const batch of batches) {
    for (let begin = 0; begin < batch.length; begin += SLICE_LENGTH) {
      yield batch.slice(begin, begin + SLICE_LENGTH)
      await othersTurn()
    }
  }
}
