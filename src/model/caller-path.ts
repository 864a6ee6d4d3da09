// A directory of the node that a caller names, and the rules for using it on the caller's behalf.

export interface DirectoryRules {
  /** Absolute paths: only these directories and everything below them. Undefined: any directory. */
  readonly within?: readonly string[];
  /** User id that must own the directory and its files. Undefined: anybody. */
  readonly owner?: number;
}

export interface CallerPath extends DirectoryRules {
  readonly path: string;
}
