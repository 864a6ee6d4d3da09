// Records the daemon's writes on ext4, XFS and btrfs, and loses a random half of the unflushed
// ones.
import { test } from "node:test";
import { logKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "any loss of unflushed writes leaves the acknowledged snapshots intact",
  { skip: logKind.cannot() },
  (t) => playShortRun(t, logKind, { states: 36 }),
);
