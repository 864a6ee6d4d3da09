// Defines the port of everything that removes snapshots. Only store/remove and store/heal may name
// it (eslint.boundaries.js), so a search for `Remover` finds all code that can delete data.
import type { Catalog } from "../../catalog/open.js";
import type {
  BackgroundWork,
  CatalogReader,
  Commits,
  Gate,
  Leases,
  Observed,
  Reader,
  Room,
  Intakes,
} from "../parts/ports.js";

/** The changes of the catalog that a removal consists of. */
type RemovingCatalog = Pick<
  Catalog,
  | "markDeleting"
  | "removeRow"
  | "abandonPending"
  | "trustClock"
  | "insertGcSession"
  | "beginTake"
  | "abandonTake"
  | "finishTake"
>;

export interface Remover
  extends Reader, Leases, Gate, Commits, BackgroundWork, Intakes, Room, Observed {
  readonly catalog: CatalogReader & RemovingCatalog;
}
