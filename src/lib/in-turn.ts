/** Asks one after the other, in the order of the calls, so that several at once do not take the machine from everything else. A failure is its caller's alone. */
export function inTurn<Question, Answer>(
  ask: (question: Question) => Promise<Answer>,
): (question: Question) => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve()
  return (question) => {
    const answer = last.then(() => ask(question))
    last = answer.catch(() => {})
    return answer
  }
}
