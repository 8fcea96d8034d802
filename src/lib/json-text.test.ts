import { expect, test } from 'vitest'
import { jsonText } from './json-text.ts'

test('a value has one text, which nobody sees on it, and a copy has its own', () => {
  const value = { requestId: 'a', items: [{ score: 0.5 }], none: undefined }
  const text = '{"requestId":"a","items":[{"score":0.5}]}'
  expect(jsonText(value)).toBe(text)
  value.requestId = 'b'
  expect(jsonText(value)).toBe(text)
  expect(jsonText({ ...value })).toBe('{"requestId":"b","items":[{"score":0.5}]}')
  expect(JSON.stringify(value)).toBe('{"requestId":"b","items":[{"score":0.5}]}')
  expect(value).toStrictEqual({ requestId: 'b', items: [{ score: 0.5 }], none: undefined })
})
