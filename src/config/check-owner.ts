import type { Inspection } from './inspection.ts'

/** Each of the four components has someone who answers for it. */
export function checkOwner(value: unknown, component: string, inspection: Inspection): string {
  const expected = 'who is responsible for it, such as "shop-team@example.com"'
  return inspection.text(value, `${component}.owner`, expected, /^\S.{0,199}$/)
}
