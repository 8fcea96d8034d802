#!/usr/bin/env -S node --min-semi-space-size=32 --max-semi-space-size=64
// The flags give short-lived objects room: a server makes some 30 KB of them per request, and with Node's small default they are collected some
// thirty times a second and partly moved to where collecting stops the server for longer.
//
// Starts the command line: the compiled one of the published package, or the TypeScript source in a checkout. Written so that an old Node.js
// can still read it and say what is missing.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NEEDED_MAJOR = 24
const major = Number(process.versions.node.split('.')[0])

if (major < NEEDED_MAJOR) {
  console.error(
    `NODE_TOO_OLD: millrace runs on Node.js ${NEEDED_MAJOR} or newer; found ${process.version} at ${process.execPath}.\n` +
      `Install Node.js ${NEEDED_MAJOR} from https://nodejs.org, or add it to the project with "npm install --save-dev node@${NEEDED_MAJOR}" ` +
      'and start millrace through an npm script.',
  )
  process.exit(69)
}

// Compiled code is kept between runs, which halves the time until a command begins. Beside the code that it comes from, so that nobody else can write
// it; where it cannot be kept, nothing is lost. By the environment for the threads and processes that a command starts: a thread of a training begins
// in half of the time.
const { enableCompileCache, registerHooks } = await import('node:module')
const compileCache = fileURLToPath(new URL('../build/compile-cache', import.meta.url))
enableCompileCache(compileCache)
process.env.NODE_COMPILE_CACHE ??= compileCache

const source = new URL('../src/cli/main.ts', import.meta.url)
const isCheckout = existsSync(source)
if (isCheckout) {
  // Makes `import 'millrace'` in a system file mean the source too, as `node --conditions=millrace-source` would.
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, Object.assign({}, context, { conditions: context.conditions.concat('millrace-source') })),
  })
}

const { main } = await import(isCheckout ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
const exitCode = await main(process.argv.slice(2))
// A failed command may leave threads or a log open; a successful one ends by itself.
if (exitCode !== 0) process.exit(exitCode)
