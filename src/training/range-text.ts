// Ranges of settings as a person writes them: on the command line, over HTTP, and in what is kept of a run.
import { MillraceError } from '../lib/errors.ts'
import type { NumberRange, TunableRange } from '../ports/candidate-generator.ts'
import type { ParameterRanges, ParameterValue } from './parameter-space.ts'

/**
 * Reads `factors=16..64,regularization=0.01..1:log,weightPower=0|0.5|1`. A range without a scale has that of the kind's own range; where there
 * is none, it is one of whole numbers if both ends are.
 * @param own the kind's own ranges
 * @throws MillraceError TUNING_INPUT_INVALID
 */
export function rangesIn(text: string, own: ParameterRanges): ParameterRanges {
  const parts = text.split(',').filter(Boolean)
  return Object.fromEntries(parts.map((part) => rangeIn(part, own)))
}

function rangeIn(part: string, ownRanges: ParameterRanges): [string, TunableRange] {
  const [, name = '', values = ''] = /^\s*(\w+)\s*=\s*(.+)$/.exec(part) ?? []
  const bounds = /^(\S+?)\.\.(\S+?)(?::(linear|log|integer|logInteger))?$/.exec(values)
  if (bounds) {
    const [low, high] = [Number(bounds[1]), Number(bounds[2])]
    const own = ownRanges[name]
    const usual =
      own && 'scale' in own ? own.scale : Number.isInteger(low) && Number.isInteger(high) ? 'integer' : 'linear'
    if (Number.isFinite(low) && Number.isFinite(high)) {
      return [name, { low, high, scale: (bounds[3] as NumberRange['scale'] | undefined) ?? usual }]
    }
  } else if (name !== '') return [name, { choices: values.split('|').map(choiceIn) }]
  throw new MillraceError('TUNING_INPUT_INVALID', `The ranges have ${JSON.stringify(part)}, which is none.`, {
    fix: 'Write them as factors=16..64, rate=0.01..1:log or power=0|0.5|1, separated by commas.',
  })
}

function choiceIn(text: string): ParameterValue {
  if (text === 'true' || text === 'false') return text === 'true'
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}
