/** The value of an environment variable; undefined where it is not set. Secrets come this way, and never through a file that is kept. */
export const environmentVariable = (name: string): string | undefined => process.env[name]
