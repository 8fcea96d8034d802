// Turns schemas into checks that report everything at once, in words that say how to mend it.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { Problem } from '../lib/errors.ts'
import { nearestName } from '../lib/nearest-name.ts'

/** What a check found; `verbose` makes it carry the offending value. */
export type Invalid = Pick<
  ErrorObject,
  'instancePath' | 'schemaPath' | 'keyword' | 'params' | 'message' | 'data' | 'parentSchema'
>

/** Found values are shown up to this length. */
const SHOWN_LENGTH_MAX = 60

// Every problem at once costs more time on a hostile body; the size limits of bodies and of every array bound it.
const settings = { allErrors: true, verbose: true, strict: true, strictTypes: false } as const
const bodies = new Ajv(settings)
// Everything in an address is text, so there "10" is a number.
const addresses = new Ajv({ ...settings, coerceTypes: true })

/** Fastify asks for a check of every schema of every route through this. */
export function compileCheck({
  schema,
  httpPart,
}: {
  schema: unknown
  httpPart?: string | undefined
}): ValidateFunction {
  return (httpPart === 'body' ? bodies : addresses).compile(schema as object)
}

/** @param part "body" gives JSON pointers; of other parts, the parameter's name is given */
export function problemsOfValidation(found: readonly Invalid[], part: string): readonly Problem[] {
  // Where no branch of a union fits, the union's own error says it all.
  const telling = found.filter((error) => !/\/anyOf\/\d/.test(error.schemaPath))
  return telling.map((error) => {
    const pointer = error.instancePath + (extraSegment(error) ?? '')
    return { where: part === 'body' ? pointer || '/' : pointer.replace(/^\//, ''), ...describe(error) }
  })
}

// The field that is missing or unknown is part of the place.
function extraSegment({ keyword, params }: Invalid): string | undefined {
  if (keyword === 'required') return `/${escaped(params.missingProperty)}`
  if (keyword === 'additionalProperties') return `/${escaped(params.additionalProperty)}`
  return undefined
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

function describe({ keyword, params, message, data, parentSchema }: Invalid): { message: string; fix?: string } {
  switch (keyword) {
    case 'required':
      return { message: `"${params.missingProperty}" is missing.` }
    case 'additionalProperties': {
      const valid = Object.keys((parentSchema?.properties as object | undefined) ?? {})
      const name = String(params.additionalProperty).slice(0, SHOWN_LENGTH_MAX)
      const nearest = nearestName(name, valid)
      return {
        message: `There is no field called "${name}" here.`,
        fix: `${nearest === undefined ? '' : `Did you mean "${nearest}"? `}Known fields: ${valid.join(', ')}.`,
      }
    }
    case 'type':
      return { message: `Found ${shown(data)}, expected ${[params.type].flat().join(' or ')}.` }
    case 'anyOf':
      return { message: `Found ${shown(data)}, expected ${typesOf(parentSchema?.anyOf)}.` }
    case 'maxItems':
    case 'minItems':
      return { message: `Found ${(data as unknown[]).length} entries, it ${message}.` }
    case 'maxLength':
      return { message: `Found ${(data as string).length} characters, expected at most ${params.limit}.` }
    case 'minLength':
      return { message: 'Found empty text.' }
    default:
      return { message: `Found ${shown(data)}, it ${message}.` }
  }
}

function typesOf(branches: unknown): string {
  return (branches as readonly { type?: string; const?: unknown }[])
    .map((branch) => (branch.const === undefined ? branch.type : JSON.stringify(branch.const)))
    .join(' or ')
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
}
