import { MillraceError } from '../lib/errors.ts'
import type { GeneratorKind, TunableRange } from '../ports/candidate-generator.ts'

/**
 * Ranges as they are written on the command line: `factors=16..64,regularization=0.01..1:log,weightPower=0|0.5|1`. A range without a scale has
 * that of the kind's own range; where there is none, it is one of whole numbers if both ends are.
 * @throws MillraceError CLI_USAGE
 */
export function rangesArgument(
  text: string | undefined,
  kind: GeneratorKind | undefined,
): Record<string, TunableRange> {
  return Object.fromEntries(
    (text ?? '')
      .split(',')
      .filter(Boolean)
      .map((part) => rangeOf(part, kind)),
  )
}

function rangeOf(part: string, kind: GeneratorKind | undefined): [string, TunableRange] {
  const [, name = '', values = ''] = /^\s*(\w+)\s*=\s*(.+)$/.exec(part) ?? []
  const bounds = /^(\S+?)\.\.(\S+?)(?::(linear|log|integer))?$/.exec(values)
  if (bounds) {
    const [low, high] = [Number(bounds[1]), Number(bounds[2])]
    const own = kind?.tunable[name]
    const usual =
      own && 'scale' in own ? own.scale : Number.isInteger(low) && Number.isInteger(high) ? 'integer' : 'linear'
    if (Number.isFinite(low) && Number.isFinite(high)) {
      return [name, { low, high, scale: (bounds[3] as 'linear' | 'log' | 'integer' | undefined) ?? usual }]
    }
  } else if (name !== '') return [name, { choices: values.split('|').map(parsedValue) }]
  throw new MillraceError(
    'CLI_USAGE',
    `--ranges has ${JSON.stringify(part)}, expected a range such as factors=16..64, rate=0.01..1:log or power=0|0.5|1.`,
  )
}

function parsedValue(text: string): number | string | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}
