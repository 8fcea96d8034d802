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
  ANSWER_NOT_FOUND: {
    httpStatus: 404,
    exitCode: 66,
    meaning:
      'No record of an answer with that request id is kept: it never was, was lost, or is older than serving.answers keeps.',
  },
  ANSWERS_NOT_KEPT: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'The system file says that no records of answers are kept.',
  },
  ANSWER_NOT_REPEATABLE: {
    httpStatus: 409,
    exitCode: 65,
    meaning:
      'An answer cannot be computed again, because its model, its placement or the stored list that it was made from is no longer there.',
  },
  ANSWER_DIFFERS: {
    httpStatus: 500,
    exitCode: 1,
    meaning: 'An answer that was computed again differs from the one that went out.',
  },
  MODEL_NOT_FOUND: { httpStatus: 404, exitCode: 66, meaning: 'No model of that version is in the data folder.' },
  MODEL_ALIAS_MOVED: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'Somebody else moved an alias in between, such as the champion; nothing was changed.',
  },
  MODEL_RETIRED: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A model that is being deleted, or was, cannot be named by an alias or loaded.',
  },
  MODEL_IN_USE: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'A model cannot be deleted, because an alias names it or a running process uses it.',
  },
  MODEL_NO_PREVIOUS: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'There is nothing to roll back to: no other model was in charge before.',
  },
  MODEL_NOT_JUDGED: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'No gates have judged this model beside the one that is in charge, so it is given no alias.',
  },
  MODEL_REFUSED: {
    httpStatus: 409,
    exitCode: 3,
    meaning: 'The gates refused the model: it is registered, and no alias names it.',
  },
  MODEL_IS_CHAMPION: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'The model in charge cannot be its own challenger.',
  },
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
  MODEL_FILE_INVALID: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'A model made by another program cannot be read, or does what Millrace cannot.',
  },
  MODEL_WITHOUT_ROW_COUNTS: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A model cannot be explained: its trees do not say how many training rows went which way.',
  },
  MODEL_WITHOUT_TREES: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'What was asked for needs a model whose ranker is made of trees.',
  },
  USER_UNKNOWN: { httpStatus: 404, exitCode: 66, meaning: 'The event log knows nothing of a user with that id.' },
  NO_CANDIDATE: {
    httpStatus: 404,
    exitCode: 66,
    meaning: 'No generator of the model proposes that item to that user.',
  },
  EXPORT_UNWRITABLE: {
    httpStatus: 500,
    exitCode: 73,
    meaning: 'The file that a model or lists are to be written to cannot be written.',
  },
  MODEL_EXPORT_DIFFERS: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'An exported model scores otherwise than the model it was made of.',
  },
  ONNX_RUNTIME_MISSING: {
    httpStatus: 500,
    exitCode: 69,
    meaning: 'An ONNX model is to be run, and the package "onnxruntime-node" is not installed.',
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
  REQUEST_MALFORMED: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The request could not be read: not HTTP, not UTF-8, or not JSON.',
  },
  REQUEST_INVALID: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The request was read, but does not have the expected form.',
  },
  REQUEST_TOO_LARGE: { httpStatus: 413, exitCode: 65, meaning: 'The body is larger than this server takes.' },
  REQUEST_HEADERS_TOO_LARGE: {
    httpStatus: 431,
    exitCode: 65,
    meaning: 'Address and headers of the request are too long.',
  },
  REQUEST_TOO_SLOW: {
    httpStatus: 408,
    exitCode: 75,
    meaning: 'The request did not arrive completely in the time allowed.',
  },
  CONTENT_TYPE_UNSUPPORTED: {
    httpStatus: 415,
    exitCode: 65,
    meaning: 'The body is of a type that this server does not read.',
  },
  ROUTE_UNKNOWN: { httpStatus: 404, exitCode: 64, meaning: 'There is nothing at this address.' },
  METHOD_NOT_ALLOWED: { httpStatus: 405, exitCode: 64, meaning: 'The address exists, but not with this method.' },
  PLACEMENT_PATTERN_MISSING: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'No placement of the system file has the pattern that this needs.',
  },
  ENTITY_REJECTED: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'The change of a user or an item was not accepted; it is in quarantine.',
  },
  KEY_MISSING: { httpStatus: 401, exitCode: 77, meaning: 'The request carries no API key.' },
  KEY_INVALID: { httpStatus: 401, exitCode: 77, meaning: 'The API key is unknown, malformed or revoked.' },
  KEY_SCOPE_MISSING: { httpStatus: 403, exitCode: 77, meaning: 'The API key may not do this.' },
  KEY_NOT_FOUND: { httpStatus: 404, exitCode: 66, meaning: 'No API key has that id.' },
  KEYS_REQUIRED: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'A server that can be reached from other machines needs an API key first.',
  },
  PORT_IN_USE: { httpStatus: 500, exitCode: 69, meaning: 'Another process listens on the port already.' },
  ADDRESS_UNUSABLE: { httpStatus: 500, exitCode: 69, meaning: 'The server cannot listen on that host and port.' },
  FILE_EXISTS: {
    httpStatus: 409,
    exitCode: 73,
    meaning: 'A file that would be written is there already, with something else in it.',
  },
  PROCESS_FAILED: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'A process of "millrace start" ended before it was ready, or did not end in time when told to.',
  },
  INTERNAL: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'Something unexpected happened; the log holds the details under the request id.',
  },
  FILTER_SYNTAX: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The filter cannot be read: a word or a sign is where it may not be.',
  },
  FILTER_UNKNOWN_ATTRIBUTE: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The filter names an attribute that items do not have.',
  },
  FILTER_TYPE_MISMATCH: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The filter compares an attribute with a value, or in a way, that does not suit its type.',
  },
  FILTER_TOO_LARGE: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'The filter is longer, or nested deeper, than is allowed.',
  },
  UNKNOWN_PLACEMENT: { httpStatus: 404, exitCode: 65, meaning: 'The system file defines no placement of that name.' },
  UNKNOWN_ITEM: { httpStatus: 404, exitCode: 65, meaning: 'No item has that id, or it was deleted.' },
  EVENT_LOG_FULL: {
    httpStatus: 507,
    exitCode: 74,
    meaning: 'The disk is full: nothing of the batch was stored, and everything acknowledged before is safe.',
  },
  EVENT_LOG_CLOSED: {
    httpStatus: 503,
    exitCode: 75,
    meaning: 'The event log was closed, because the process is stopping.',
  },
  EVENT_LOG_UNUSABLE: {
    httpStatus: 500,
    exitCode: 74,
    meaning: 'The event log or the quarantine cannot be opened, read or written.',
  },
  ONLINE_STORE_FULL: {
    httpStatus: 507,
    exitCode: 74,
    meaning: 'The disk is full: the online store keeps the state of its last commit, from which the engine goes on.',
  },
  ONLINE_STORE_UNUSABLE: {
    httpStatus: 500,
    exitCode: 74,
    meaning: 'The online store cannot be opened, read or written.',
  },
  ONLINE_STORE_TAKEN: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'Another feature engine writes to the online store, and there may be only one.',
  },
  FEATURE_STATE_UNREADABLE: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'Stored feature state has another format, or is damaged; it can be rebuilt from the event log.',
  },
  FEATURE_UNKNOWN: { httpStatus: 404, exitCode: 64, meaning: 'No feature has that name, or none that is ready yet.' },
  FEATURE_MOMENT_PAST: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'The online store answers for now; values of an earlier moment come from the offline tables.',
  },
  FEATURE_MOMENT_UNKNOWN: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'The moment lies before everything that is known, or in the future.',
  },
  FEATURE_LOG_GAP: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'The event log no longer has events that are still to be read for features.',
  },
  IMPORT_SOURCE_UNKNOWN: {
    httpStatus: 404,
    exitCode: 66,
    meaning: 'No file source has that name, and no file lies there.',
  },
  IMPORT_FILE_UNREADABLE: { httpStatus: 500, exitCode: 66, meaning: 'A file to import cannot be opened.' },
  IMPORT_FILE_DAMAGED: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'A file ends early or is damaged; the rows before that place were imported.',
  },
  IMPORT_MAPPING_INVALID: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'Columns named by the mapping are not in the file, or the mapping lacks a needed one.',
  },
  SOURCE_UNKNOWN: {
    httpStatus: 404,
    exitCode: 66,
    meaning: 'The system file has no source with a schedule of that name.',
  },
  SOURCE_SECRET_MISSING: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'An environment variable that a source takes an address or a secret from is not set.',
  },
  SOURCE_DRIVER_MISSING: {
    httpStatus: 500,
    exitCode: 69,
    meaning: 'The package that talks to a source is not installed.',
  },
  SOURCE_UNAVAILABLE: {
    httpStatus: 503,
    exitCode: 75,
    meaning: 'A source cannot be reached, is too slow, or broke off; it is asked again later.',
  },
  SOURCE_REFUSED: {
    httpStatus: 502,
    exitCode: 77,
    meaning: 'A source answers, but refuses: credentials, permissions, or an address it does not know.',
  },
  SOURCE_QUERY_INVALID: {
    httpStatus: 502,
    exitCode: 65,
    meaning: 'The database cannot run the query of a source, or not by the column given.',
  },
  SOURCE_COLUMN_MISSING: {
    httpStatus: 502,
    exitCode: 65,
    meaning: 'A column that the system file names is not among those of the source.',
  },
  SOURCE_RESPONSE_INVALID: {
    httpStatus: 502,
    exitCode: 65,
    meaning: 'A source sent something that cannot be used: no JSON, cut off, too large, or of another form.',
  },
  SOURCE_PAGING_BROKEN: {
    httpStatus: 502,
    exitCode: 65,
    meaning: 'The pages of a source repeat, or do not end.',
  },
  SOURCE_DELETES_HELD: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A snapshot lacks so many of the rows known before that their deletion waits for a person.',
  },
  QUARANTINE_ROW_UNKNOWN: { httpStatus: 404, exitCode: 66, meaning: 'No row with that id is in quarantine.' },
  OFFLINE_STORE_FAILED: {
    httpStatus: 500,
    exitCode: 74,
    meaning: 'The offline store could not read, join or write history.',
  },
  OFFLINE_MEMORY_EXHAUSTED: {
    httpStatus: 500,
    exitCode: 71,
    meaning: 'Joining or writing history needs more memory than the offline store was given.',
  },
  LABELS_BEFORE_DATA: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A training set was asked for moments before anything was known.',
  },
  LABELS_INVALID: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'A row of a file of labels names no user, item or moment, or one that is still to come.',
  },
  LABELS_MISSING: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A training set was asked for, and nothing gives it a row.',
  },
  CONFIG_INVALID: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'The system file says something that cannot be; every problem is listed.',
  },
  CONFIG_NOT_FOUND: {
    httpStatus: 500,
    exitCode: 66,
    meaning: 'There is no system file (millrace.config.ts) here or in a folder above.',
  },
  CONFIG_NOT_LOADED: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'The system file cannot be run: a syntax error, an import that fails, or an exception.',
  },
  CONFIG_NO_SYSTEM: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'The default export of the system file is not a system.',
  },
  CLI_USAGE: {
    httpStatus: 400,
    exitCode: 64,
    meaning: 'A command or one of its options does not exist, or lacks its value.',
  },
  INIT_WOULD_OVERWRITE: {
    httpStatus: 409,
    exitCode: 73,
    meaning: 'The folder for the new project holds files that would be overwritten.',
  },
  CLIENT_UNWRITABLE: { httpStatus: 500, exitCode: 73, meaning: 'The file of types for clients cannot be written.' },
  INIT_CANNOT_WRITE: { httpStatus: 500, exitCode: 73, meaning: 'The new project cannot be written to its folder.' },
  MODEL_MISMATCH: { httpStatus: 409, exitCode: 65, meaning: 'A model was trained for a different system file.' },
  TRAINING_SET_UNKNOWN: { httpStatus: 404, exitCode: 66, meaning: 'No training set has that hash.' },
  TRAINING_SET_CHANGED: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A training set cannot be made again: what it was made of is not what there is now.',
  },
  TRAINING_INPUT_INVALID: {
    httpStatus: 422,
    exitCode: 65,
    meaning: 'A model cannot be trained with these settings or on this data.',
  },
  TRAINING_DIVERGED: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'Training ended with numbers that are not finite, so there is no model.',
  },
  TUNING_INPUT_INVALID: {
    httpStatus: 422,
    exitCode: 65,
    meaning:
      'A search for settings has nothing to search: an empty range, no budget, or too little data to compare on.',
  },
  TUNING_OTHER_PLAN: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'Trials of an earlier search cannot be continued: they are of other settings, ranges or data.',
  },
  UNKNOWN_GENERATOR: { httpStatus: 404, exitCode: 64, meaning: 'The system file trains no generator of that name.' },
  HELD_OUT_INVALID: {
    httpStatus: 400,
    exitCode: 65,
    meaning: 'A file of held-out interactions has a row without a user or an item.',
  },
  METADATA_UNAVAILABLE: {
    httpStatus: 503,
    exitCode: 75,
    meaning:
      'The metadata store does not answer, or not in time. Trying again can help. A change was made wholly or not at all.',
  },
  METADATA_FULL: {
    httpStatus: 507,
    exitCode: 74,
    meaning: 'The metadata store has no room left; nothing was changed.',
  },
  METADATA_UNUSABLE: {
    httpStatus: 500,
    exitCode: 78,
    meaning: 'The metadata store cannot be opened, read or written as it is configured. Trying again does not help.',
  },
  METADATA_NEWER: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'The metadata was written by a newer version of Millrace.',
  },
  METADATA_DRIVER_MISSING: {
    httpStatus: 500,
    exitCode: 69,
    meaning: 'The package that speaks to the configured metadata store is not installed.',
  },
  METADATA_CLOSED: {
    httpStatus: 503,
    exitCode: 75,
    meaning: 'The metadata store was closed, because the process is stopping.',
  },
  SOURCE_STATE_CHANGED: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'Another process saved the state of a source in between: two of them run it. Nothing was overwritten.',
  },
  FEATURE_VERSION_NOT_BACKFILLING: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A version of a feature cannot be put in charge, because it is unknown or was retired.',
  },
  TABLE_PUBLICATION_CHANGED: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'Somebody else published a version of an offline table in between; nothing was changed.',
  },
  TABLE_UNKNOWN: { httpStatus: 404, exitCode: 66, meaning: 'No offline table has that name.' },
  TABLE_NOT_PUBLISHED: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'No version of an offline table may be read yet: nothing was written, or the checks hold it back.',
  },
  TABLE_FILE_DAMAGED: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'A file of a version of an offline table is missing, or not as it was written.',
  },
  TABLE_LOG_GAP: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'Events that an offline table still needs are no longer in the event log.',
  },
  DELTA_TABLE_NOT_FOUND: { httpStatus: 404, exitCode: 66, meaning: 'There is no Delta table at that place.' },
  DELTA_TABLE_EXISTS: {
    httpStatus: 409,
    exitCode: 73,
    meaning: 'A Delta table lies where a new one was to be created.',
  },
  DELTA_VERSION_NOT_FOUND: {
    httpStatus: 404,
    exitCode: 66,
    meaning: 'The Delta table has no such version, or its log no longer reaches back to it.',
  },
  DELTA_LOG_DAMAGED: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'A commit of a Delta table is missing or cannot be read, and no checkpoint makes it unnecessary.',
  },
  DELTA_PROTOCOL_UNSUPPORTED: {
    httpStatus: 500,
    exitCode: 65,
    meaning: 'The Delta table uses a feature of the protocol that Millrace does not know; nothing was changed.',
  },
  DELTA_SCHEMA_MISMATCH: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'Columns do not fit those of the Delta table, or are none that a table can have.',
  },
  DELTA_COMMIT_INVALID: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'The files or partitions of a commit do not suit the Delta table; nothing was committed.',
  },
  DELTA_CONFLICT: {
    httpStatus: 409,
    exitCode: 75,
    meaning:
      'Another writer changed what this commit rests on; nothing was committed, and it can be tried again on the new version.',
  },
  DELTA_STORAGE_UNUSABLE: {
    httpStatus: 500,
    exitCode: 74,
    meaning: 'The place of a Delta table cannot be read or written.',
  },
  RUN_NOT_FOUND: { httpStatus: 404, exitCode: 66, meaning: 'No run has that id.' },
  RUN_STATE_CHANGED: {
    httpStatus: 409,
    exitCode: 75,
    meaning:
      'A run is not in a state in which this can be done, such as cancelling one that has ended; nothing was changed.',
  },
  RUN_INPUT_CHANGED: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'A file that a run works on is not the one that was there when the run began.',
  },
  BATCH_DEGRADED: {
    httpStatus: 500,
    exitCode: 70,
    meaning: 'Too many lists of a batch were made without a generator or the ranker; the lists of before count on.',
  },
  RUN_UNDERWAY: {
    httpStatus: 409,
    exitCode: 75,
    meaning: 'Another training, or another tuning, of the same system is running, and there is one at a time.',
  },
  RUN_HELD: {
    httpStatus: 409,
    exitCode: 65,
    meaning: 'Checks hold the data back, so nothing is trained on it unless a person says why it should be.',
  },
  RUN_OVER_MEMORY: {
    httpStatus: 500,
    exitCode: 71,
    meaning: 'A run took more memory than it was allowed, and was ended. It is not tried again.',
  },
  RUN_OVER_TIME: {
    httpStatus: 500,
    exitCode: 71,
    meaning: 'A run took longer than it was allowed, and was ended. It is not tried again.',
  },
  RUN_KILLED: {
    httpStatus: 500,
    exitCode: 75,
    meaning: 'The process of a run was killed from outside; a queued run is tried again.',
  },
  SERVER_OVERLOADED: {
    httpStatus: 503,
    exitCode: 75,
    meaning: 'Requests wait ten times as long as an answer may take, so that new ones are turned away.',
  },
  COMPUTE_UNAVAILABLE: {
    httpStatus: 503,
    exitCode: 75,
    meaning: 'The process of a run could not be started.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorCatalogue
