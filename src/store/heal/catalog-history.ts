// Whether the catalog is the one that this store had last, or an older copy that was put back.
import { readCatalogMark, writeCatalogMark } from "../../files/catalog-mark.js";
import type { Reader } from "../parts/ports.js";

type Place = Pick<Reader, "catalog" | "layout" | "logger">;

/**
 * True: it lacks an event that the store's catalog had. What it says is then older than what the
 * manifests say, and what lies on the disk goes before it.
 */
export async function isOlderCatalog({ catalog, layout }: Place): Promise<boolean> {
  const mark = await readCatalogMark(layout);
  if (mark === undefined || mark.sequence === 0) return false;
  if (catalog.eventPosition().sequence < mark.sequence) return true;
  const { events, missed } = catalog.eventsAfter(mark.sequence - 1, 1);
  // Trimmed long ago: then it has gone on from there.
  return !missed && events[0] !== undefined && events[0].mark !== mark.mark;
}

/** Remembers how far the catalog is. Called from time to time, and at the end of a clean stop. */
export async function noteCatalogPosition(place: Place): Promise<void> {
  try {
    const position = newestPosition(place.catalog);
    if (position !== undefined) await writeCatalogMark(place.layout, position);
  } catch (error) {
    place.logger.debug({ err: error }, "could not note the catalog's position");
  }
}

const noted = new WeakMap<Place["catalog"], number>();

/** Undefined if it was noted already. */
function newestPosition(catalog: Place["catalog"]) {
  const position = catalog.eventPosition();
  if (noted.get(catalog) === position.sequence) return undefined;
  noted.set(catalog, position.sequence);
  return position;
}
