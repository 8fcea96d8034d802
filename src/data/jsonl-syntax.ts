// One JSON value per line.
import { decodeUtf8, type RecordSyntax } from './text-records.ts'
import { UnreadableRow } from './unreadable-row.ts'

/** Records are the lines; `parseJsonLine` makes values of them once they are decoded. */
export class LineSyntax implements RecordSyntax<string> {
  end = 0

  read(text: string, begin: number, lineEnd: number): string {
    this.end = lineEnd
    return text.slice(begin, lineEnd)
  }

  decode(line: string): string | undefined {
    return decodeUtf8(line)
  }
}

export function parseJsonLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    return new UnreadableRow('INVALID_JSON', `${(error as Error).message}.`, { text: line.slice(0, 2000) })
  }
}
