// What a check looks at: the store's files, and what its catalog and its daemon know of them.
import type { Clock } from "../../base/clock.js";
import type { Catalog } from "../../catalog/open.js";
import type { Leases, Manifests, Uploads } from "../parts/ports.js";
import type { Layout } from "../../files/layout.js";

/** What of a store that is being served tells its work from leftovers. */
export type LiveStore = Uploads & Leases & Manifests;

export interface CheckScene {
  readonly layout: Layout;
  readonly clock: Clock;
  /** Undefined if the catalog cannot be read. Then `catalogProblem` may say why. */
  readonly catalog: Pick<Catalog, "auditFile" | "auditRow" | "allIds"> | undefined;
  readonly catalogProblem?: string;
  /** Undefined when no daemon serves it: whatever is under way was interrupted. */
  readonly live?: LiveStore;
}
