// Describes how a snapshot is made from a stored snapshot and from what has changed since.

export interface DeltaRequest {
  /** The id, name or id prefix of the snapshot that the delta files are relative to. */
  readonly parent: string;
  /** The names of the uploaded files that hold changes only. All other files are whole. */
  readonly deltaFiles: readonly string[];
  /** If true, files of the parent that the upload lacks belong to the new snapshot too. */
  readonly inheritFiles: boolean;
}
