// Fills ext4, XFS and btrfs with other programs' bytes or inodes while no daemon runs.
import { test } from "node:test";
import { fullKind } from "./full-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "on a disk without a free byte or a free inode the daemon starts, reads and deletes",
  { skip: fullKind.cannot() },
  (t) => playShortRun(t, fullKind, { states: 6 }),
);
