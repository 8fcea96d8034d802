// Numbers as the reasons of gates show them.

export const figure = (value: number): string =>
  value === 0 || (Math.abs(value) >= 0.001 && Math.abs(value) < 1000) ? value.toFixed(4) : value.toPrecision(3)

export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`

export const range = ([low, high]: readonly [number, number]): string => `[${signed(low)}, ${signed(high)}]`

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

export const users = (count: number): string => `${count.toLocaleString('en-US')} user${count === 1 ? '' : 's'}`

export const tooFew = (count: number, needed: number): string => `${users(count)}, ${needed} needed`

export const metricNames = { ndcg: 'NDCG', recall: 'Recall', reciprocalRank: 'MRR', averagePrecision: 'MAP' } as const
