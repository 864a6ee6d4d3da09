// Marks a snapshot in which a read has found damage, whatever the read was for.
import { isStoreError } from "../../base/errors.js";
import type { Marker } from "./ports.js";

/**
 * Marks a ready snapshot corrupt, or no longer corrupt. Does nothing if the catalog already says
 * so.
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
 * Marks the snapshot if `error` says that its stored data is damaged. A disk that cannot be read is
 * no proof of damage: IO_FAILED changes nothing, as in Verify. Never throws, because the caller is
 * about to report `error`.
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
