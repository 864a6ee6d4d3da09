// Defines the findings of `check`, which compares catalog, directories and manifests, and the
// actions of `repair`.

/**
 * Severity of each kind; docs/consistency.md explains the kinds. A `note` means that nothing stored
 * is wrong, or that the daemon repairs it at its next start.
 */
const severities = {
  catalog_missing: "problem",
  catalog_damaged: "problem",
  catalog_rows: "problem",
  directory_unknown: "problem",
  directory_missing: "problem",
  entry_unknown: "problem",
  manifest_missing: "problem",
  manifest_damaged: "problem",
  manifest_older: "problem",
  manifest_newer: "problem",
  manifest_differs: "problem",
  file_missing: "problem",
  file_unknown: "problem",
  file_kind: "problem",
  file_size: "problem",
  file_mode: "problem",
  block_table_missing: "problem",
  block_table_damaged: "problem",
  data_damaged: "problem",
  format_unsupported: "problem",
  marked_corrupt: "problem",
  marked_lost: "problem",
  interrupted: "note",
  staging_leftover: "note",
  trash_leftover: "note",
  temporary_file: "note",
  quarantined: "note",
  ballast_missing: "note",
} as const satisfies Record<string, "problem" | "note">;

export type FindingKind = keyof typeof severities;
type FindingSeverity = (typeof severities)[FindingKind];

/**
 * none                 only people can decide
 * at_next_start        recovery repairs it when the daemon starts
 * adopt                add the directory to the catalog
 * quarantine           move the entry to quarantine
 * mark_lost            keep the record, but no longer serve the snapshot
 * mark_corrupt         keep the record, and serve the snapshot only with `force`
 * rewrite_manifest     write the manifest again from the catalog
 * take_manifest        make the record again from the manifest
 * rebuild_block_table  compute the table from the data, if the data has the stored digest
 * set_mode             make the stored file read-only again
 * rewrite_rows         make labels, pins, sizes and totals again from the snapshots' records
 * make_ballast         write the files of the ballast again
 */
export type FindingAction =
  | "none"
  | "at_next_start"
  | "adopt"
  | "quarantine"
  | "mark_lost"
  | "mark_corrupt"
  | "rewrite_manifest"
  | "take_manifest"
  | "rebuild_block_table"
  | "set_mode"
  | "rewrite_rows"
  | "make_ballast";

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  /** Id of the affected snapshot. Empty if the finding concerns no snapshot. */
  readonly id: string;
  /** Name of that snapshot. Empty if it has no name. */
  readonly name: string;
  /** Absolute path of the affected entry. Empty if no path applies. */
  readonly path: string;
  /** Says what was found and, where it is not obvious, what was expected. A text for people. */
  readonly found: string;
  readonly action: FindingAction;
}

export interface CheckOptions {
  /** Whether to read all data and compare it with its digests. */
  readonly deep: boolean;
  /** Maximum number of bytes to read per second if `deep` is set; 0 = no limit. */
  readonly limitBytesPerSecond: number;
}

/** The events of a check. The summary comes last; without a summary the check is incomplete. */
export type CheckEvent =
  | { readonly kind: "finding"; readonly finding: Finding }
  | { readonly kind: "progress"; readonly doneSnapshots: number; readonly totalSnapshots: number }
  | { readonly kind: "summary"; readonly snapshots: number; readonly problems: number };

export interface RepairOptions extends CheckOptions {
  /** Whether to report what would be done, and do nothing. */
  readonly dryRun: boolean;
}

/**
 *   planned  this is a dry run; without `dryRun`, repair would carry out the action
 *   done     the action was carried out
 *   left     there was nothing to do, or repair cannot do it
 *   failed   the action did not succeed; the other actions continue
 */
export type RepairOutcome = "planned" | "done" | "left" | "failed";

export interface Repaired {
  readonly finding: Finding;
  readonly outcome: RepairOutcome;
  /** Describes what was done, or why nothing was done. */
  readonly message: string;
}

/** The affected place and snapshot. Parts that are not set become empty strings. */
export type FindingSubject = Partial<Pick<Finding, "id" | "name" | "path">>;

export function finding(
  kind: FindingKind,
  subject: FindingSubject,
  found: string,
  action: FindingAction,
): Finding {
  const { id = "", name = "", path = "" } = subject;
  return { kind, severity: severities[kind], id, name, path, found, action };
}
