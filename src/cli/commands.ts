// Every command, in the order a newcomer meets them. Each is a file of its own, loaded only when it is asked for.
import type { CommandDef } from 'citty'

// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
type AnyCommand = CommandDef<any>

export interface CommandEntry {
  readonly name: string
  /** What it does, in a few words, for the list of commands. */
  readonly summary: string
  readonly load: () => Promise<{ readonly default: AnyCommand }>
}

export const commands: readonly CommandEntry[] = [
  { name: 'init', summary: 'Make a new project with a system file and sample data', load: () => import('./init.ts') },
  {
    name: 'import',
    summary: 'Read files of interactions, users and items into the event log',
    load: () => import('./import.ts'),
  },
  {
    name: 'quarantine',
    summary: 'List, explain and replay the rows that were not accepted',
    load: () => import('./quarantine.ts'),
  },
  {
    name: 'features',
    summary: 'List and explain features, and read their values',
    load: () => import('./features.ts'),
  },
  {
    name: 'training-sets',
    summary: 'Make training sets from the features, and list them',
    load: () => import('./training-sets.ts'),
  },
  { name: 'checks', summary: 'Check the data, and see what checks found', load: () => import('./checks.ts') },
  {
    name: 'data',
    summary: 'The offline tables: versions, rows, and which one is published',
    load: () => import('./data.ts'),
  },
  {
    name: 'backfill',
    summary: 'Bring every feature up to date with the event log',
    load: () => import('./backfill.ts'),
  },
  {
    name: 'skew',
    summary: 'Compare features as served with features recomputed offline',
    load: () => import('./skew.ts'),
  },
  { name: 'sources', summary: 'Read a source with a schedule now', load: () => import('./sources.ts') },
  {
    name: 'status',
    summary: 'How the system stands: log, features, sources, checks',
    load: () => import('./status.ts'),
  },
  {
    name: 'replay',
    summary: 'Compute answers that went out again, and tell what differs',
    load: () => import('./replay.ts'),
  },
  { name: 'train', summary: 'Train every candidate generator and store the model', load: () => import('./train.ts') },
  {
    name: 'evaluate',
    summary: 'Measure models against popularity and item neighbours',
    load: () => import('./evaluate.ts'),
  },
  {
    name: 'explain',
    summary: 'Why an item is recommended to a user: what moved its score',
    load: () => import('./explain.ts'),
  },
  { name: 'search', summary: 'Find items by what is written about them', load: () => import('./search.ts') },
  { name: 'duplicates', summary: 'List items whose texts say the same', load: () => import('./duplicates.ts') },
  {
    name: 'importance',
    summary: 'What each feature means to a model: its part of the gain, and how often it is asked for',
    load: () => import('./importance.ts'),
  },
  {
    name: 'export',
    summary: "Write a model's ranker as an ONNX file, and compare it in onnxruntime",
    load: () => import('./export.ts'),
  },
  { name: 'tune', summary: 'Search better settings on a validation part of the data', load: () => import('./tune.ts') },
  {
    name: 'batch',
    summary: 'Make the lists of every user ahead of time, for look-ups and for other programs',
    load: () => import('./batch.ts'),
  },
  {
    name: 'runs',
    summary: 'The runs of training: what each was made of, measured and took; compare, cancel, resume',
    load: () => import('./runs.ts'),
  },
  { name: 'dev', summary: 'Run the whole system in one process', load: () => import('./dev.ts') },
  {
    name: 'start',
    summary: 'Run the system in several processes, and keep them running',
    load: () => import('./start.ts'),
  },
  {
    name: 'capacity',
    summary: 'Predict memory and requests a second from counts, and measure them',
    load: () => import('./capacity.ts'),
  },
  {
    name: 'deploy',
    summary: 'Write the files of a load balancer in front of replicas, and of a systemd service',
    load: () => import('./deploy.ts'),
  },
  {
    name: 'models',
    summary: 'The models: which there are, which one is in charge, and how that came about',
    load: () => import('./models.ts'),
  },
  { name: 'gates', summary: 'What the gates measured of a model, and said of it', load: () => import('./gates.ts') },
  { name: 'card', summary: "A model's card, as Markdown", load: () => import('./card.ts') },
  {
    name: 'promote',
    summary: 'Put a model in charge, or on trial',
    load: () => import('./promote.ts'),
  },
  {
    name: 'rollback',
    summary: 'Put the previous model in charge again',
    load: () => import('./rollback.ts'),
  },
  {
    name: 'client',
    summary: 'Write the names of the system as types for its clients',
    load: () => import('./client.ts'),
  },
  { name: 'keys', summary: 'Create, list and revoke API keys', load: () => import('./project-keys.ts') },
]

export const commandNames = commands.map((command) => command.name)
