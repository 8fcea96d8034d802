/** What the contract suites of the metadata ports run on: one store that can be opened again, also while it is open, by a second process as it were. */
export interface PortUnderTest<Port> {
  open(): Promise<{ readonly port: Port; close(): Promise<void> }>
  /** Takes away what `open` made; everything is closed by then. */
  remove(): Promise<void>
}

/** A new, empty one per call. */
export type Fresh<Port> = () => Promise<PortUnderTest<Port>>

/** Runs a check on a fresh store, and closes and removes it whatever the outcome. */
export async function withFresh<Port>(
  fresh: Fresh<Port>,
  check: (port: Port, again: () => Promise<Port>) => Promise<void>,
): Promise<void> {
  const underTest = await fresh()
  const closes: (() => Promise<void>)[] = []
  const again = async () => {
    const { port, close } = await underTest.open()
    closes.push(close)
    return port
  }
  try {
    await check(await again(), again)
  } finally {
    for (const close of closes) await close()
    await underTest.remove()
  }
}
