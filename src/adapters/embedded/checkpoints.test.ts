import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { testCheckpoints } from '../../ports/checkpoints.contract.ts'
import { openCheckpoints } from './checkpoints.ts'

async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
  try {
    await check(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

testCheckpoints((check) =>
  inFolder((folder) =>
    check(openCheckpoints({ folder: join(folder, 'new') }), () => openCheckpoints({ folder: join(folder, 'new') })),
  ),
)

it('takes a damaged checkpoint for none, whichever byte it is, and one that was cut off', () =>
  inFolder(async (folder) => {
    const checkpoints = openCheckpoints({ folder })
    await checkpoints.save('cf', 'k', { a: new Uint8Array([1, 2, 3]) })
    const [file] = readdirSync(folder)
    const whole = readFileSync(join(folder, file!))
    for (let i = 0; i < whole.length; i++) {
      const damaged = Buffer.from(whole)
      damaged[i]! ^= 1
      writeFileSync(join(folder, file!), damaged)
      expect(await checkpoints.load('cf', 'k'), `byte ${i}`).toBeUndefined()
    }
    for (const length of [0, 31, 33, whole.length - 1]) {
      writeFileSync(join(folder, file!), whole.subarray(0, length))
      expect(await checkpoints.load('cf', 'k'), `${length} bytes`).toBeUndefined()
    }
  }))

it.runIf(process.platform === 'linux')('says that the disk is full', async () => {
  // Nothing can be made in it by anyone, and /dev/full refuses every byte: the temporary file is a link to it.
  await inFolder(async (folder) => {
    const checkpoints = openCheckpoints({ folder })
    await checkpoints.save('cf', 'k', { a: new Uint8Array([1]) })
    const { symlinkSync } = await import('node:fs')
    const [file] = readdirSync(folder)
    symlinkSync('/dev/full', join(folder, `${file}.writing`))
    await expect(checkpoints.save('cf', 'k', { a: new Uint8Array([2]) })).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await checkpoints.load('cf', 'k')).toEqual({ a: new Uint8Array([1]) })
  })
})
