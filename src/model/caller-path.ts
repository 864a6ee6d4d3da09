// A directory of the node that a caller names, and which ones the daemon may touch on its behalf.

export interface DirectoryRules {
  /** Absolute paths: only these directories and what is below them. Undefined: any directory. */
  readonly within?: readonly string[];
  /** User id that must own the directory and its files. Undefined: anybody. */
  readonly owner?: number;
}

export interface CallerPath extends DirectoryRules {
  readonly path: string;
}
