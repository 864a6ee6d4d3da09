// Defines the input of a check: the store's files, and what its catalog and its daemon know of
// them.
import type { Clock } from "../../base/clock.js";
import type { Catalog } from "../../catalog/open.js";
import type { Leases, Manifests, Intakes } from "../parts/ports.js";
import type { Layout } from "../../files/layout.js";

/** State of a serving daemon that distinguishes the daemon's work from leftovers. */
type LiveStore = Intakes & Leases & Manifests;

export interface CheckScene {
  readonly layout: Layout;
  readonly clock: Clock;
  /** Undefined if the catalog cannot be read. In that case `catalogProblem` may say why. */
  readonly catalog:
    Pick<Catalog, "auditFile" | "auditRow" | "allIds" | "unfinishedTakes"> | undefined;
  readonly catalogProblem?: string;
  /** Undefined if no daemon serves the store. In that case unfinished work was interrupted. */
  readonly live?: LiveStore;
}
