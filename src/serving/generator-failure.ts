/** A generator that threw or that the model lacks; the answer was made without it. */
export interface GeneratorFailure {
  readonly generator: string
  readonly error: unknown
}
