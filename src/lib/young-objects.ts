import { setFlagsFromString } from 'node:v8'

/**
 * From now on every object of this process begins as a young one. V8 makes objects old from the start where those of the same line of code once outlived a collection, and does so for as long as the process
 * lives: after a moment in which answers had to wait, answers that had gone out were taken for alive. See docs/decisions/0041-young-objects.md.
 */
export function beginYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
