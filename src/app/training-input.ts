import type { App } from '../app.ts'
import { readInteractions } from '../data/read-interactions.ts'
import type { InteractionTable } from '../domain/interaction-table.ts'
import { MillraceError } from '../lib/errors.ts'

/** The interactions to learn from, and how far in the log they reach. */
export interface TrainingInput {
  readonly table: InteractionTable
  readonly nextOffset: number
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON */
export async function readTrainingInput(app: App): Promise<TrainingInput> {
  const itemAttributes = Object.values(app.system.generators).flatMap((kind) => kind.itemAttributes ?? [])
  const input = await readInteractions(app.log, app.plan.data.interactions, [...new Set(itemAttributes)])
  if (input.table.weights.length > 0) return input
  throw new MillraceError(
    'NOTHING_TO_TRAIN_ON',
    'The event log holds no interactions; a model needs some to learn from.',
    {
      fix: 'Read files with "millrace import", or send events to POST /v1/events.',
    },
  )
}
