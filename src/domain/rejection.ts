// Why a row was not accepted. Codes are stable: people filter the quarantine by them, and dashboards count them.

interface ReasonEntry {
  /** What is wrong, to whoever finds the row in quarantine. */
  readonly meaning: string
  readonly fix: string
  /** Whether the row itself was read, so that judging it again can help once the system file has changed. Otherwise the source has to be mended. */
  readonly canReplay: boolean
}

const entry = (meaning: string, fix: string, canReplay = true): ReasonEntry => ({ meaning, fix, canReplay })

export const rejectionReasons = {
  MISSING_USER_ID: entry('The row does not say which user.', 'Map the right column to userId, or leave such rows out.'),
  MISSING_ITEM_ID: entry('The row does not say which item.', 'Map the right column to itemId, or leave such rows out.'),
  MISSING_ENTITY_ID: entry('The row does not say which user or item it is about.', 'Map the right column to entityId.'),
  MISSING_INTERACTION: entry(
    'The row does not say what the user did.',
    'Map a column to interaction, or give the source one interaction for all its rows.',
  ),
  MISSING_EVENT_TIME: entry('The row does not say when it happened.', 'Map the right column to eventTime.'),
  MISSING_ATTRIBUTE: entry(
    'An attribute that every entity must have is missing or empty.',
    'Complete the feed, or declare the attribute optional in the system file and replay.',
  ),
  MALFORMED_ID: entry(
    'An id is longer than 256 bytes, has control characters, or is no text.',
    'Mend the ids where they are made: 1 to 256 bytes of UTF-8 without control characters.',
  ),
  MALFORMED_TIME: entry(
    'A time is not written as the source says.',
    "Set the source's timeFormat to what the rows hold (iso, seconds or milliseconds) and replay.",
  ),
  TIME_BEFORE_1971: entry(
    'The time lies before 1971: most often a zero, or seconds that were taken for milliseconds.',
    "Check the source's timeFormat, then replay.",
  ),
  TIME_IN_FUTURE: entry(
    'The time lies further ahead than data.futureTolerance allows.',
    'Set the clock of the sender, or replay once the time has come.',
  ),
  MALFORMED_WEIGHT: entry('The weight is no finite number.', 'Send a number above 0, or no weight.'),
  WEIGHT_NOT_POSITIVE: entry(
    'The weight is 0 or negative, as in a return or a cancellation.',
    'Leave such rows out of the source, or do not map their quantity to weight.',
  ),
  UNKNOWN_VALUE: entry(
    'The interaction declares no such value in the system file.',
    'Add it to the "values" of the interaction and replay, or correct the sender.',
  ),
  MALFORMED_VALUE: entry(
    'A value of the interaction is no number, or too large to be summed exactly.',
    'Send a finite number of at most 1e9 in size, or leave the value out.',
  ),
  UNKNOWN_INTERACTION: entry(
    'The system file defines no such interaction.',
    'Add it to data.interactions and replay, or correct the sender.',
  ),
  UNKNOWN_FIELD: entry('The row has a field that means nothing here.', 'Correct its name, or leave it out.'),
  UNKNOWN_ATTRIBUTE: entry(
    'The system file defines no such attribute.',
    'Add it to data.entities and replay, or correct the sender.',
  ),
  MALFORMED_ATTRIBUTE: entry(
    'The value of an attribute is not of its type.',
    'Mend the feed, or give the attribute its true type in the system file and replay.',
  ),
  MALFORMED_IMPRESSION: entry(
    'The list of what was shown, or what goes with it, is not in order: an item twice, too many items, or not one number for each of them.',
    'Send the items in the order shown, each once and at most 1,000, and of scores, propensities and served rows as many as items, or none.',
  ),
  MALFORMED_ROW: entry('The row is not the JSON object it should be.', 'Correct the sender.'),
  INVALID_JSON: entry(
    'The line is not valid JSON.',
    'Mend the file and import it again: rows that are known are not added twice.',
    false,
  ),
  INVALID_UTF8: entry(
    'The row has bytes that are not UTF-8.',
    'Convert the file to UTF-8 and import it again: rows that are known are not added twice.',
    false,
  ),
  WRONG_COLUMN_COUNT: entry(
    'The row has more or fewer columns than the header.',
    'Look for an unquoted delimiter, mend the file and import it again: rows that are known are not added twice.',
    false,
  ),
  MISPLACED_QUOTE: entry(
    'A quotation mark opens or closes in the middle of a value, or never closes.',
    'Double the quotation marks inside values, mend the file and import it again: rows that are known are not added twice.',
    false,
  ),
  ROW_TOO_LONG: entry(
    'The row is longer than a megabyte; often a quotation mark that never closes.',
    'Mend the file and import it again: rows that are known are not added twice.',
    false,
  ),
} as const satisfies Record<string, ReasonEntry>

export type RejectionReason = keyof typeof rejectionReasons

/** Why one row was not accepted: the first problem's reason, and every problem in the message. */
export interface Rejection {
  readonly reason: RejectionReason
  readonly message: string
}
