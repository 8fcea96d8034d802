// The arguments that every command which opens an app takes.

export const appArguments = {
  system: { type: 'string', description: 'The system file, or a folder with one (default: the nearest one upward)' },
  data: { type: 'string', description: 'The data folder (default: .millrace beside the system file)' },
} as const

/** Those of a command that looks at one model. */
export const modelArguments = {
  version: {
    type: 'positional',
    description: 'A version of "millrace models" (default: the one in charge)',
    required: false,
  },
  ...appArguments,
} as const
