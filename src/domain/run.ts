// A run: one execution of training, tuning, evaluation, the measuring of importance or the making of lists, from the wish to the outcome, with everything that it was made of.

export const runKinds = ['train', 'tune', 'evaluate', 'importance', 'batch'] as const
export type RunKind = (typeof runKinds)[number]

/**
 * `queued`: waits for its turn. `lost`: its process is gone without having said how it ended, by a kill or a crash of the machine. The last four are where a run
 * ends, unless it is tried again.
 */
export const runStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'] as const
export type RunState = (typeof runStates)[number]

/** Why a run was wanted: a person asked, its time had come, or the data called for it. */
export type RunTrigger = 'hand' | 'schedule' | 'signal'

export interface RunRequest {
  readonly trigger: RunTrigger
  /** A person, the name of a key, or what asked in their place, such as "schedule". */
  readonly by: string
  /** What was run or called, such as "millrace train". */
  readonly command: string
  /** The reason, in words; for a signal also what was seen. Left out where a person gave none. */
  readonly why?: string
  /** Why it is to train though checks hold the data back; left out where that was not asked. */
  readonly despiteChecks?: string
  /** Whether it waits in the queue for a process of its own; else it runs in the process that was asked. */
  readonly isDetached: boolean
  /** What the command was told, such as the number of threads. */
  readonly options: Readonly<Record<string, string | number | boolean>>
}

/** A version of an offline table. */
export interface RunTable {
  readonly table: string
  readonly version: number
  /** The newest whole day that checks found good in it, such as "2026-03-01"; left out where none was judged. */
  readonly checkedThrough?: string
}

/** What a run works on. It is noted when the run begins, and kept when it is tried again: the same inputs give the same model. */
export interface RunInputs {
  readonly planHash: string
  /** The commit of the project's repository; left out outside one. */
  readonly commit?: string
  /** Whether files that the repository knows differ from that commit. */
  readonly isDirty?: boolean
  readonly millraceVersion: string
  readonly seed: number
  /** Nothing of the log from this offset on is looked at. */
  readonly nextOffset: number
  /** The moment that "now" means in it, such as for the age of interactions. */
  readonly asOfMs: number
  /** The published version of every offline table, by name. */
  readonly tables: readonly RunTable[]
  /** SHA-256 of the file of a ranker that was trained elsewhere; left out where there is none. */
  readonly rankerFile?: string
  /** The whole training section of the plan. */
  readonly parameters: unknown
}

/** What a run took, as its process measured itself; of a run that was tried again, of the last try. */
export interface RunResources {
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly peakMemoryMb: number
}

export interface RunFailure {
  readonly code: string
  readonly message: string
  readonly fix?: string
}

export interface RunArtifact {
  /** Inside the data folder. */
  readonly path: string
  readonly bytes: number
  /** SHA-256, as 64 hexadecimal digits. */
  readonly sha256: string
}

/** Which process a run is in. */
export interface RunProcess {
  readonly pid: number
  /** In words of the system, since numbers are given again. */
  readonly startedAt: string
  /** Set where it is the queue's process, until the run's own has begun. */
  readonly isQueue?: boolean
}

export interface Run {
  /** `<date>-<random digits>`: unique for ever, and in the order of time. */
  readonly id: string
  readonly kind: RunKind
  readonly state: RunState
  /** The greater goes first. */
  readonly priority: number
  readonly request: RunRequest
  /** 0 while it waits for the first time. */
  readonly attempt: number
  readonly queuedAtMs: number
  /** A queued run does not begin before. */
  readonly notBeforeMs: number
  /** Of the last attempt, as all that follows. */
  readonly startedAtMs?: number
  readonly endedAtMs?: number
  readonly process?: RunProcess
  readonly inputs?: RunInputs
  readonly resources?: RunResources
  readonly failure?: RunFailure
  /** Why it was cancelled, or not run at all. */
  readonly outcome?: string
  readonly modelVersion?: string
  readonly artifacts?: readonly RunArtifact[]
}

/** One figure of a run at one moment of it. */
export interface RunMetric {
  readonly name: string
  /** 0, 1, 2 ...: what a step is depends on the figure, such as a round of boosting. */
  readonly step: number
  readonly value: number
  /** 95 % interval; left out where there is none. */
  readonly interval?: readonly [number, number]
  readonly atMs: number
}

/** Whether only one of its kind may run: two trainings would move the same alias, two tunings write the same trials, two batches the same lists, and each wants the whole machine. */
export const isExclusive = ({ kind }: Pick<Run, 'kind'>): boolean =>
  kind === 'train' || kind === 'tune' || kind === 'batch'

export const hasEnded = ({ state }: Pick<Run, 'state'>): boolean => state !== 'queued' && state !== 'running'

/** @param random a few hexadecimal digits, so that two runs of one second differ */
export const newRunId = (nowMs: number, random: string): string =>
  `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${random}`

/** What differs between two inputs, in the words of `RunInputs`; empty where a training would give the same model. */
export function changedInputs(before: RunInputs, now: RunInputs): readonly string[] {
  const { planHash, seed, nextOffset, millraceVersion, tables, rankerFile } = before
  return [
    ...(planHash === now.planHash ? [] : ['planHash']),
    ...(seed === now.seed ? [] : ['seed']),
    ...(millraceVersion === now.millraceVersion ? [] : ['millraceVersion']),
    ...(nextOffset === now.nextOffset ? [] : ['nextOffset']),
    ...(versionsText(tables) === versionsText(now.tables) ? [] : ['tables']),
    ...(rankerFile === now.rankerFile ? [] : ['rankerFile']),
  ]
}

const versionsText = (tables: readonly RunTable[]): string =>
  tables.map(({ table, version }) => `${table} ${version}`).join()
