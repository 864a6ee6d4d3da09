// Runs SQLite's own check of its file, and reports the result in the terms of this program.
import { isUnreadPage, toStoreError, unreadable } from "./sqlite-errors.js";
import type { Database } from "./sqlite.js";

/**
 * Returns the problems of the file. Empty if the file is sound. Throws IO_FAILED if a page could
 * not be read.
 */
export function quickCheck(database: Database): string[] {
  try {
    const rows = database.pragma("quick_check") as { quick_check: string }[];
    const unread = rows.find((row) => isUnreadPage(row.quick_check));
    // An unreadable page must not count as damage, because a damaged catalog is set aside together
    // with its tombstones.
    if (unread !== undefined) throw unreadable(unread.quick_check);
    const orphans = database.pragma("foreign_key_check") as { table: string; parent: string }[];
    return [
      ...rows.map((row) => row.quick_check).filter((text) => text !== "ok"),
      ...orphans.map(({ table, parent }) => `a row of ${table} has no row in ${parent}`),
    ];
  } catch (error) {
    const storeError = toStoreError(error, "cannot check the catalog");
    if (storeError.reason !== "STORED_DATA_CORRUPT") throw storeError;
    return [storeError.message];
  }
}
