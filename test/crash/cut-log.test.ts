// Recorded writes of the daemon, of which a random half was lost, on ext4, xfs and btrfs.
import { test } from "node:test";
import { logKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "whichever writes are lost before their flush, what was acknowledged is there",
  { skip: logKind.cannot() },
  (t) => playShortRun(t, logKind, { states: 36 }),
);
