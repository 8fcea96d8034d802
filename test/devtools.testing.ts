// A tab of a real Chromium, driven by the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/

export interface Tab {
  /** The value of an expression in the page, awaited where it is a promise. */
  evaluate(expression: string): Promise<unknown>
  /** Goes to an address and waits until it has loaded. */
  goTo(url: string): Promise<void>
  /** As if the cable were pulled, or plugged in again. */
  setOffline(isOffline: boolean): Promise<void>
  close(): Promise<void>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

export async function openTab(chromiumUrl: string): Promise<Tab> {
  const target = (await (await fetch(`${chromiumUrl}/json/new?about:blank`, { method: 'PUT' })).json()) as {
    id: string
    webSocketDebuggerUrl: string
  }
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', reject, { once: true })
  })
  const answers = new Map<number, (message: Message) => void>()
  let loaded: (() => void) | undefined
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message
    if (message.id !== undefined) answers.get(message.id)?.(message)
    else if (message.method === 'Page.loadEventFired') loaded?.()
  })
  let lastId = 0
  async function send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++lastId
    const { error, result } = await new Promise<Message>((resolve) => {
      answers.set(id, resolve)
      socket.send(JSON.stringify({ id, method, params }))
    })
    answers.delete(id)
    if (error) throw new Error(`${method}: ${error.message}`)
    return result!
  }
  await send('Page.enable')
  await send('Network.enable')
  return {
    async evaluate(expression) {
      const { result, exceptionDetails } = (await send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })) as { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } }
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw')
      return result.value
    },
    async goTo(url) {
      const isLoaded = new Promise<void>((resolve) => {
        loaded = resolve
      })
      await send('Page.navigate', { url })
      await isLoaded
    },
    async setOffline(offline) {
      await send('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      })
    },
    async close() {
      socket.close()
      await fetch(`${chromiumUrl}/json/close/${target.id}`)
    },
  }
}
