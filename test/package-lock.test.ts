// Goal: `npm ci` works in a fresh clone, on every platform.
// Method: the lock file is read as npm reads it. npm leaves out an optional package that the registry of the day does not have, and then
// refuses its own lock file; such an entry is added by hand, with version, `os`, `cpu` and `libc`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryRoot } from './source-files.ts'

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lockFile = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>
}

test('the lock file holds every optional package that a locked package names', () => {
  const absent = Object.entries(lockFile.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(name, path))
      .map((name) => `${path} names ${name}`),
  )
  expect(absent).toEqual([])
})

/** As Node resolves a name: in the package's own folder, then in each folder above. */
function isLocked(name: string, path: string): boolean {
  if (`${path === '' ? '' : `${path}/`}node_modules/${name}` in lockFile.packages) return true
  if (path === '') return false
  const above = path.lastIndexOf('/node_modules/')
  return isLocked(name, above < 0 ? '' : path.slice(0, above))
}
