// Every code a MillraceError can carry. `docs/errors.md` is generated from this table, and a test holds table, docs and code together.

export interface ErrorEntry {
  readonly httpStatus: number
  readonly exitCode: number
  /** What it means, to whoever meets it. */
  readonly meaning: string
}

export const errorCatalogue = {
  KERNEL_NOT_BUILT: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'A numeric kernel was not compiled during installation.',
  },
  KERNEL_MEMORY_EXHAUSTED: {
    httpStatus: 500,
    exitCode: 71,
    meaning: 'The data does not fit the memory a kernel can address.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorCatalogue
