// Opens a store in this process, to inspect the remains of a daemon.
import { systemClock } from "../../src/base/clock.js";
import { createLogger } from "../../src/base/logger.js";
import { openStore } from "../../src/store/store.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { storeDefaults } from "./defaults.js";

export function reopen(root: string): Promise<SnapshotStore> {
  return openStore({
    root,
    clock: systemClock,
    logger: createLogger("silent"),
    options: { ...storeDefaults, freeSpaceReserveBytes: 0 },
  });
}
