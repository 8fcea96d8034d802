import type { App } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'

/** The version that is named, or the one in charge. @throws MillraceError MODEL_NOT_FOUND where none is in charge */
export async function meantVersion(app: App, named: string | undefined): Promise<string> {
  if (named !== undefined) return named
  const { champion } = await (await app.models()).aliases()
  if (champion !== undefined) return champion
  throw new MillraceError('MODEL_NOT_FOUND', 'No model is in charge, and no version was named.', {
    fix: 'Name one: "millrace models" lists them. "millrace train" makes one.',
  })
}
