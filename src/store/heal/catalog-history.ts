// Detects whether the catalog is the latest one of this store, or an older copy that somebody has
// restored.
import { readCatalogMark, writeCatalogMark } from "../../files/catalog-mark.js";
import type { Reader } from "../parts/ports.js";

type HistoryPorts = Pick<Reader, "catalog" | "layout" | "logger">;

/**
 * Returns true if the catalog lacks an event that the store's catalog once had. In that case the
 * catalog is older than the manifests, and the disk takes precedence over it.
 */
export async function isOlderCatalog({ catalog, layout }: HistoryPorts): Promise<boolean> {
  const mark = await readCatalogMark(layout);
  if (mark === undefined || mark.sequence === 0) return false;
  if (catalog.eventPosition().sequence < mark.sequence) return true;
  const { events, missed } = catalog.eventsAfter(mark.sequence - 1, 1);
  // If `missed` is true, the event was trimmed long ago, so the catalog has advanced since then.
  return !missed && events[0] !== undefined && events[0].mark !== mark.mark;
}

/**
 * Records how far the catalog has advanced. Call it periodically, and at the end of a clean stop.
 */
export async function noteCatalogPosition(place: HistoryPorts): Promise<void> {
  try {
    const position = newestPosition(place.catalog);
    if (position !== undefined) await writeCatalogMark(place.layout, position);
  } catch (error) {
    place.logger.debug({ err: error }, "could not record the catalog's position");
  }
}

const noted = new WeakMap<HistoryPorts["catalog"], number>();

/** Returns the newest position, or undefined if it was already recorded. */
function newestPosition(catalog: HistoryPorts["catalog"]) {
  const position = catalog.eventPosition();
  if (noted.get(catalog) === position.sequence) return undefined;
  noted.set(catalog, position.sequence);
  return position;
}
