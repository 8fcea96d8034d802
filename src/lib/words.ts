/** Letters and digits of any script, in lower case, in the form in which equal letters are equal numbers; the first `countMax` of a text. */
export const wordsOf = (text: string, countMax: number): readonly string[] =>
  (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  ).slice(0, countMax)
