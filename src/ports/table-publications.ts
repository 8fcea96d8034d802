// Which version of each offline table is published, and which ones are held back, by what and until when.
import type { TableHold, TablePublication } from '../domain/table-publication.ts'

export interface TablePublications {
  /** Undefined where no version of the table was published yet. */
  find(table: string): Promise<TablePublication | undefined>
  /**
   * Puts a version in charge and ends the hold that is open, durably and at once. The same publication again changes nothing, so repeating it after
   * METADATA_UNAVAILABLE is safe.
   * @param options.follows the version that is published now, undefined for none
   * @param options.hold begins at the same moment: newer versions than the published one stay back
   * @throws MillraceError TABLE_PUBLICATION_CHANGED where another version is published: somebody else was first, and nothing was changed
   */
  publish(
    publication: TablePublication,
    options: { readonly follows: number | undefined; readonly hold?: Omit<TableHold, 'released'> },
  ): Promise<void>
  /**
   * Begins a hold, durably. Where one is open already it goes on from its beginning, with the new reasons and time of the check; one that a person
   * began stays as it is.
   * @param options.follows the version that is published now, undefined for none
   * @throws MillraceError TABLE_PUBLICATION_CHANGED where another version is published: what was to be held may be published by now
   */
  hold(hold: Omit<TableHold, 'released'>, options: { readonly follows: number | undefined }): Promise<TableHold>
  /** Undefined where nothing is held back. */
  openHold(table: string): Promise<TableHold | undefined>
  /** Newest first, the open one included. */
  holds(table: string, limit: number): Promise<readonly TableHold[]>
}
