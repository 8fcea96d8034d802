import { expect, test } from 'vitest'
import { runCommandLine } from './run-command.ts'
import start from './start.ts'

test.each([
  [['--workers', '0'], /--workers is "0", expected a whole number from 1 to 512/],
  [['--workers', 'abc'], /--workers is "abc", expected a whole number/],
  [['--workers', '1.5'], /--workers is "1.5"/],
  [['--port', '65536'], /--port is "65536", expected a whole number from 0 to 65535/],
  [['--role', 'train'], /--role is "train", expected all, serve, pipeline/],
  [['--drain', '-1'], /--drain is "-1", expected seconds from 0 to 300/],
])('%j is refused before anything is started', async (args, message) => {
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
  await expect(runCommandLine('start', start as any, args)).rejects.toMatchObject({
    code: 'CLI_USAGE',
    message: expect.stringMatching(message),
  })
})
