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
  MODEL_NOT_FOUND: { httpStatus: 404, exitCode: 66, meaning: 'No model of that version is in the data folder.' },
  BUNDLE_CORRUPT: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'A file of a model bundle differs from what training wrote.',
  },
  BUNDLE_NEWER: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'A model bundle was written by a newer version of Millrace.',
  },
  DISK_FULL: { httpStatus: 507, exitCode: 74, meaning: 'The disk is full; nothing that was acknowledged is lost.' },
  DATA_FOLDER_NEWER: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'The data folder was written by a newer version of Millrace.',
  },
  DATA_FOLDER_UNUSABLE: {
    httpStatus: 500,
    exitCode: 73,
    meaning: 'The data folder cannot be created, read or written.',
  },
  NOTHING_TO_TRAIN_ON: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'There are too few interactions to train or evaluate with.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorCatalogue
