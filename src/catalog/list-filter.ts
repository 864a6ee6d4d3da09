// Defines the conditions that select the snapshots of a listing.
import type { HostFacts } from "../model/host-facts.js";

/** The conditions of a listing. A snapshot must meet all conditions that are present. */
export interface ListFilter {
  readonly namePrefix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly imageDigest?: string;
  readonly hypervisor?: string;
  /** The snapshot has each of these facts. */
  readonly host?: HostFacts;
  /** The snapshot was created at this time or later. */
  readonly createdAfter?: Date;
  /** The snapshot was created before this time. */
  readonly createdBefore?: Date;
  readonly protected?: boolean;
  /** Whether the snapshot is marked as damaged. */
  readonly corrupt?: boolean;
  /** The snapshot expires before this time. */
  readonly expiresBefore?: Date;
}
