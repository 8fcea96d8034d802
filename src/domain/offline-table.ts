// The offline tables: everything that happened, as files that training reads.

/** `interactions`: what users did. `changes`: what became known of users and items. */
export const offlineTableNames = ['interactions', 'changes'] as const
export type OfflineTableName = (typeof offlineTableNames)[number]
