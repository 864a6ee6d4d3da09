// Recorded writes of the daemon on ext4, xfs and btrfs, of which a random half is lost.
import { test } from "node:test";
import { logKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "whichever unflushed writes are lost, acknowledged snapshots exist",
  { skip: logKind.cannot() },
  (t) => playShortRun(t, logKind, { states: 36 }),
);
