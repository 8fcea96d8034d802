// Writes docs/errors.md from the catalogue; a test holds the two together.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ErrorEntry, errorCatalogue } from '../src/lib/error-catalogue.ts'

/** The page, one row for each code, in alphabetical order. */
export function errorDocs(catalogue: Readonly<Record<string, ErrorEntry>>): string {
  const rows = Object.entries(catalogue)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { meaning, httpStatus, exitCode }]) =>
        `| <a id="${code.toLowerCase()}"></a>\`${code}\` | ${meaning} | ${httpStatus} | ${exitCode} |`,
    )
  return `# Errors

Every failure that can be expected has a stable code. On the command line the code begins the message and decides the exit code; over HTTP it is
the \`code\` of an \`application/problem+json\` answer. Generated from \`src/lib/error-catalogue.ts\` by \`node scripts/build-error-docs.ts\`.

| code | meaning | HTTP status | exit code |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

if (import.meta.main) {
  const page = new URL('../docs/errors.md', import.meta.url)
  mkdirSync(fileURLToPath(new URL('.', page)), { recursive: true })
  writeFileSync(page, errorDocs(errorCatalogue))
}
