// Every failure leaves the server as problem details (RFC 9457) with a code of the catalogue, and never with a stack trace.
import type { Static } from 'typebox'
import { type ErrorCode, errorCatalogue } from '../lib/error-catalogue.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Problem } from './schemas.ts'
import { type Invalid, problemsOfValidation } from './validation.ts'

export type ProblemBody = Static<typeof Problem>

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** More than this helps nobody; the message tells how many were left out. */
const LISTED_PROBLEMS_MAX = 100

/**
 * What the caller gets for an error, whatever threw it.
 * @param limits those of the route, where one was found
 */
export function problemOf(
  error: unknown,
  requestId: string,
  limits: { readonly bodyBytes?: number } = {},
): ProblemBody {
  const expected = asMillraceError(error, limits.bodyBytes)
  const listed = expected.problems.slice(0, LISTED_PROBLEMS_MAX)
  const leftOutCount = expected.problems.length - listed.length
  return {
    type: `urn:millrace:error:${expected.code}`,
    title: errorCatalogue[expected.code].meaning,
    status: expected.httpStatus,
    code: expected.code,
    detail: leftOutCount > 0 ? `${expected.message} ${leftOutCount} more are not listed.` : expected.message,
    ...(expected.fix === undefined ? {} : { fix: expected.fix }),
    problems: [...listed],
    requestId,
  }
}

/** The parts of Fastify's errors that are looked at. */
interface FrameworkError {
  readonly code?: string
  readonly message?: string
  readonly statusCode?: number
  readonly validation?: readonly Invalid[]
  readonly validationContext?: string
}

const codesOfFramework: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'REQUEST_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'CONTENT_TYPE_UNSUPPORTED',
  FST_ERR_CTP_EMPTY_TYPE: 'CONTENT_TYPE_UNSUPPORTED',
}

const fixes: Partial<Record<ErrorCode, string>> = {
  REQUEST_TOO_LARGE: 'Send smaller batches.',
  CONTENT_TYPE_UNSUPPORTED: 'Send JSON with the header "Content-Type: application/json".',
  REQUEST_MALFORMED: 'Send one valid JSON value in UTF-8.',
}

function asMillraceError(error: unknown, bodyBytesMax?: number): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, message, statusCode, validation, validationContext } = (error ?? {}) as FrameworkError
  if (validation) {
    const problems = problemsOfValidation(validation, validationContext ?? 'body')
    const count = problems.length === 1 ? 'One thing is' : `${problems.length} things are`
    return new MillraceError('REQUEST_INVALID', `${count} wrong with the ${validationContext}.`, { problems })
  }
  const known = codesOfFramework[code ?? ''] ?? (isCallersFault(statusCode) ? 'REQUEST_MALFORMED' : undefined)
  if (known === undefined) {
    return new MillraceError('INTERNAL', 'Something unexpected happened. It was logged under this request id.')
  }
  const fix = code === 'FST_ERR_BAD_URL' ? 'Encode the address as UTF-8 with percent signs.' : fixes[known]
  if (known === 'REQUEST_TOO_LARGE' && bodyBytesMax !== undefined) {
    return new MillraceError(known, `The body is larger than ${bodyBytesMax} bytes.`, { fix })
  }
  return new MillraceError(known, sentence(message ?? known), fix === undefined ? {} : { fix })
}

const isCallersFault = (status: number | undefined): boolean => status !== undefined && status >= 400 && status < 500

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`)
