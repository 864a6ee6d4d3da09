// Defines the port of everything that creates or changes snapshots. Only store/write and store/heal
// may name it (eslint.boundaries.js), so a search for `Publisher` finds all code that can publish.
import type { Catalog } from "../../catalog/open.js";
import type {
  BackgroundWork,
  CatalogReader,
  Commits,
  Gate,
  Leases,
  Manifests,
  Reader,
  Room,
  Intakes,
  Workers,
} from "../parts/ports.js";

/** The changes of the catalog that publication consists of. */
type PublishingCatalog = Pick<
  Catalog,
  | "insertPending"
  | "updatePending"
  | "markReady"
  | "abandonPending"
  | "update"
  | "setDigest"
  | "setCorrupt"
  | "clearManifestDirty"
>;

export interface Publisher
  extends Reader, Leases, Gate, Commits, BackgroundWork, Intakes, Workers, Room, Manifests {
  readonly catalog: CatalogReader & PublishingCatalog;
  /** Passes a replaced snapshot to removal, which frees its space in the background. */
  retire(replaced: { readonly id: string; readonly state: "deleting" | "replaced" }): void;
}
