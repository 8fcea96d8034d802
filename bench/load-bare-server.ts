// The floor under every answer: `node:http` with nothing behind it, and a body as large as a recommendation's.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const { answerBytes } = JSON.parse(process.argv[2]!) as { answerBytes: number }
const body = 'x'.repeat(answerBytes)
const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': answerBytes }).end(body)
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
process.stdin.resume().on('end', () => process.exit(0))
