// The offline tables: everything that happened, as files that training reads.

/** `interactions`: what users did. `changes`: what became known of users and items. `impressions`: what was shown. */
export const offlineTableNames = ['interactions', 'changes', 'impressions'] as const
export type OfflineTableName = (typeof offlineTableNames)[number]

/** Those that features are made of, and so training sets. */
export const featureTableNames = ['interactions', 'changes'] as const satisfies readonly OfflineTableName[]

/** The table that has the events of a kind. */
export const tableOfKind = { interaction: 'interactions', entity: 'changes', impression: 'impressions' } as const
