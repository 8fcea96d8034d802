import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { numberText, rowTimeMs } from './row-time.ts'

describe('rowTimeMs', () => {
  it.each([
    ['2011-12-09T12:50:00Z', Date.UTC(2011, 11, 9, 12, 50)],
    ['2011-12-09 12:50:00', Date.UTC(2011, 11, 9, 12, 50)],
    ['2011-12-09T12:50:00.123Z', Date.UTC(2011, 11, 9, 12, 50, 0, 123)],
    ['2011-12-09', Date.UTC(2011, 11, 9)],
    ['2011-12-09T12:50:00+02:00', Date.UTC(2011, 11, 9, 10, 50)],
    ['2012-02-29T00:00:00Z', Date.UTC(2012, 1, 29)],
    ['2011-02-29T00:00:00Z', undefined],
    ['2011-04-31T00:00:00Z', undefined],
    ['2011-13-01T00:00:00Z', undefined],
    ['2011-12-09T24:30:00Z', undefined],
    ['2011-12-09T12:60:00Z', undefined],
    ['12/9/2011 12:50', undefined],
    ['yesterday', undefined],
    ['', undefined],
    ['20111209T125000Z', undefined],
    [1_323_435_000_000, undefined],
    [null, undefined],
  ])('reads %j as ISO 8601: %j', (found, expected) => {
    expect(rowTimeMs(found, 'iso')).toBe(expected)
  })

  it.each([
    ['seconds', '1323435000', 1_323_435_000_000],
    ['seconds', 1_323_435_000.5, 1_323_435_000_500],
    ['milliseconds', '1323435000000', 1_323_435_000_000],
    ['milliseconds', 'NaN', undefined],
    ['milliseconds', Number.NaN, undefined],
    ['milliseconds', 1e300, undefined],
    ['seconds', '2011-12-09', undefined],
    ['iso-or-milliseconds', 1_323_435_000_000, 1_323_435_000_000],
    ['iso-or-milliseconds', '2011-12-09', Date.UTC(2011, 11, 9)],
    ['iso-or-milliseconds', '1323435000000', undefined],
  ] as const)('in format %s reads %j as %j', (format, found, expected) => {
    expect(rowTimeMs(found, format)).toBe(expected)
  })

  it('takes the dates of Parquet as they are', () => {
    expect(rowTimeMs(new Date(5), 'iso')).toBe(5)
    expect(rowTimeMs(new Date(Number.NaN), 'iso')).toBeUndefined()
  })

  it('equals Date for every moment of the years 1 to 9999', () => {
    const moments = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(moments, (moment) => {
        const text = moment.toISOString()
        expect(rowTimeMs(text, 'iso')).toBe(moment.getTime())
        expect(rowTimeMs(`${text.slice(0, 10)} ${text.slice(11, 19)}`, 'iso')).toBe(
          Math.floor(moment.getTime() / 1000) * 1000,
        )
      }),
    )
  })
})

describe('numberText', () => {
  it.each([
    ['1', 1],
    ['-1.5e3', -1500],
    ['+.5', 0.5],
    ['1.', 1],
    ['', undefined],
    [' 1', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['1e999', undefined],
    ['0x10', undefined],
    ['1,5', undefined],
    ['1_000', undefined],
  ])('reads %j as %j', (text, expected) => {
    expect(numberText(text)).toBe(expected)
  })
})
