// Selects the snapshots that a listing shows.

/** All conditions that are present must hold. */
export interface ListFilter {
  readonly namePrefix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly imageDigest?: string;
  readonly hypervisor?: string;
  /** Created at this time or later. */
  readonly createdAfter?: Date;
  /** Created before this time. */
  readonly createdBefore?: Date;
  readonly protected?: boolean;
  /** Marked as damaged. */
  readonly corrupt?: boolean;
}
