import { expect, test } from 'vitest'
import { alignedColumns } from './aligned-columns.ts'

test('columns line up, and no line ends in blanks', () => {
  expect(
    alignedColumns([
      ['name', 'n'],
      ['a', '10'],
      ['longer', ''],
    ]),
  ).toEqual(['name    n', 'a       10', 'longer'])
  expect(alignedColumns([])).toEqual([])
})
