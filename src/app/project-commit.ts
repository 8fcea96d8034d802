import { execFileSync } from 'node:child_process'

export interface ProjectCommit {
  readonly commit: string
  /** Whether files that the repository knows differ from it. */
  readonly isDirty: boolean
}

/** The commit of the repository around a folder; undefined outside a repository. */
export function projectCommit(folder: string): ProjectCommit | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  try {
    return { commit: git('rev-parse', 'HEAD'), isDirty: git('status', '--porcelain', '--untracked-files=no') !== '' }
  } catch {
    return undefined
  }
}

/** The commit, marked where files differ from it. */
export function commitName(folder: string): string | undefined {
  const found = projectCommit(folder)
  return found && (found.isDirty ? `${found.commit}-modified` : found.commit)
}
