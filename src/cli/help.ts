import { commands } from './commands.ts'

/** The text of `millrace --help`. */
export function mainHelp(version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')
  return `millrace ${version}: a production recommender in one typed file

Usage: millrace <command> [options]

Commands:
${list}

Options:
  -h, --help     Show this text, or that of a command: millrace <command> --help
  -v, --version  Show the version

A first project:
  millrace init my-shop && cd my-shop && npm install
  npx millrace import && npx millrace train && npx millrace dev

Every command reads the nearest millrace.config.ts, from the working directory upward.`
}
