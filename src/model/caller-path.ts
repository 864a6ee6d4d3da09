// Defines the rules for using a directory of the node that a caller names, on the caller's behalf.

export interface DirectoryRules {
  /**
   * Absolute paths. Only these directories and everything below them are allowed. Undefined if any
   * directory is allowed.
   */
  readonly within?: readonly string[];
  /** User id that must own the directory and its files. Undefined if anybody may own them. */
  readonly owner?: number;
}

export interface CallerPath extends DirectoryRules {
  readonly path: string;
}
