// Marks a snapshot as corrupt if a read has found damage in it, whatever the read was for.
import { isStoreError } from "../../base/errors.js";
import type { Marker } from "./ports.js";

/**
 * Marks a ready snapshot as corrupt, or removes that mark. Does nothing if the catalog already has
 * this value, or if the snapshot is not ready.
 */
export function setDamaged(
  { catalog }: Pick<Marker, "catalog">,
  id: string,
  corrupt: boolean,
): void {
  const known = catalog.get(id);
  if (known?.state === "ready" && known.corrupt !== corrupt) catalog.setCorrupt(id, corrupt);
}

/**
 * Marks the snapshot as corrupt if `error` is STORED_DATA_CORRUPT. A disk that cannot be read is
 * no proof of damage, so IO_FAILED does not change the mark, as in Verify. Never throws, because
 * the caller is about to report `error`.
 */
export function noteDamage(
  marker: Pick<Marker, "catalog" | "logger">,
  id: string,
  error: unknown,
): void {
  if (!isStoreError(error, "STORED_DATA_CORRUPT")) return;
  try {
    setDamaged(marker, id, true);
  } catch (cause) {
    marker.logger.error({ err: cause, id }, "could not mark a damaged snapshot");
  }
}
