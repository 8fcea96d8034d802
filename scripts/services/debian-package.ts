import { execFileSync } from 'node:child_process'

/** Installs a package where what it brings is not there yet and this user may; fails otherwise, since a missing service is no reason to skip. */
export function install(debianPackage: string, isThere: () => boolean): void {
  if (isThere()) return
  if (process.getuid?.() !== 0 || !isCommand('apt-get')) {
    throw new Error(`Install the package "${debianPackage}" and run this again.`)
  }
  console.error(`installing ${debianPackage}`)
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  execFileSync('apt-get', ['update', '-qq'], options)
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], options)
  if (!isThere()) throw new Error(`The package "${debianPackage}" was installed, but does not bring what is needed.`)
}

export function isCommand(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
