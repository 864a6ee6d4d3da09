// Names the fixtures that cocoon itself has written.
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const fixtureFolder = fileURLToPath(
  new URL("../../../../test/fixtures/cocoon", import.meta.url),
);

/** Names a store, packed as a tar with the holes of its files (GNU sparse). */
export const fixtureStore = {
  file: join(fixtureFolder, "store.tar.gz"),
  /** Names the index of the store in the form of newer cocoons, made by sqlite/main.go. */
  sqliteIndex: join(fixtureFolder, "index-sqlite.tar.gz"),
  size: { ready: 5, pending: 2, missing: 1 },
};
