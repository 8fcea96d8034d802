// The metrics of several processes as one text: every sample gets the label of its process, and every name is described once, as the format demands.
// Sums, maxima and the like are left to whoever asks: a sum over processes that are restarted would fall, which a counter must not.
import type { ProcessMetrics } from './dependencies.ts'

/** @param all texts in the format of Prometheus; the order of the names is that of their first appearance */
export function mergedMetrics(all: readonly ProcessMetrics[]): string {
  const families = new Map<string, { readonly comments: string[]; readonly samples: string[] }>()
  for (const { process, text } of all) {
    let family = { comments: [] as string[], samples: [] as string[] }
    const described = new Set<string>()
    for (const line of text.split('\n')) {
      if (line === '') continue
      const [, name] = /^# (?:HELP|TYPE) (\S+)/.exec(line) ?? []
      if (name === undefined) {
        if (!line.startsWith('#')) family.samples.push(labelled(line, process))
        continue
      }
      if (!families.has(name)) {
        families.set(name, { comments: [], samples: [] })
        described.add(name)
      }
      family = families.get(name)!
      if (described.has(name)) family.comments.push(line)
    }
  }
  return `${[...families.values()].flatMap(({ comments, samples }) => [...comments, ...samples]).join('\n')}\n`
}

/** `name{a="b"} 1` and `name 1` with one label more. */
function labelled(sample: string, process: string): string {
  const label = `process="${process}"`
  const nameEnd = sample.search(/[{ ]/)
  const name = sample.slice(0, nameEnd)
  const rest = sample.slice(nameEnd)
  if (!rest.startsWith('{')) return `${name}{${label}}${rest}`
  return rest.startsWith('{}') ? `${name}{${label}}${rest.slice(2)}` : `${name}{${label},${rest.slice(1)}`
}
