// What a Delta table needs of the place it lies in: a folder, a bucket, a map in a test. Paths are relative to the table, with `/` between names.

/** An object that lies in the storage. */
export interface StoredObject {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

/**
 * A place for one table. Every write is whole or not there, and is durable once resolved; a reader never sees part of an object.
 * Nothing but `writeIfAbsent` keeps concurrent writers apart, so it must be atomic between all processes and machines that write.
 */
export interface DeltaStorage {
  /** Undefined where there is no such object. */
  read(path: string): Promise<Uint8Array | undefined>
  /**
   * Every object whose path begins with `prefix`, ascending by path (UTF-16 units).
   * @param options.after only paths greater than this one
   */
  list(prefix: string, options?: { readonly after?: string }): Promise<readonly StoredObject[]>
  /** Creates the object, or answers `false` and changes nothing where one of that path exists. */
  writeIfAbsent(path: string, bytes: Uint8Array): Promise<boolean>
  /** Creates or replaces the object. */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** No error where there is no such object. */
  remove(path: string): Promise<void>
}
