// Writes records directly to a catalog's file, in one transaction. A durable commit for each record
// would take hours.
import { randomBytes } from "node:crypto";
import { configColumns } from "../src/catalog/rows.js";
import { sql } from "../src/catalog/sql.js";
import { Database } from "../src/catalog/sqlite.js";
import { emptyConfig } from "../src/model/config.js";
import { newSnapshotId } from "../src/model/name.js";

/**
 * Writes ready snapshots and returns their ids. Their times of creation are a second apart, and the
 * newest is a second ago. The label `vm` has up to 5,000 different values.
 */
export function fillCatalogFile(path: string, count: number): string[] {
  const database = new Database(path);
  const insert = database.prepare(sql.insertSnapshot);
  const label = database.prepare(sql.insertLabel);
  const ids: string[] = [];
  const digest = `sha256:${randomBytes(32).toString("hex")}`;
  const endMs = Date.now();
  const fill = database.transaction(() => {
    for (let n = 0; n < count; n++) {
      const id = newSnapshotId();
      const createdAtMs = endMs - (count - n) * 1000;
      const vm = `web-${n % 5000}`;
      const config = { ...emptyConfig(), id, name: `vm/${n}`, labels: { vm } };
      insert.run({
        ...configColumns(config),
        state: "ready",
        kind: "create",
        created_at: createdAtMs,
        last_accessed_at: createdAtMs + ((n * 7919) % 3600) * 1000,
        used_ms: createdAtMs + ((n * 7919) % 3600) * 1000,
        size_bytes: 1_000_000,
        allocated_bytes: 1_000_000,
        digest,
        parent_digest: "",
        protected: n % 100 === 0 && count > 100_000 ? 1 : 0,
        corrupt: 0,
        revision: 1,
        manifest_dirty: 0,
        expires_at: null,
      });
      label.run({ id, key: "vm", value: vm, created_at: createdAtMs });
      ids.push(id);
    }
  });
  fill();
  database.close();
  return ids;
}
