// The disk is cut off while the daemon works on ext4 and xfs.
import { test } from "node:test";
import { powerKind } from "./power-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "a power cut loses nothing acknowledged and leaves nothing half-made",
  { skip: powerKind.cannot() },
  (t) => playShortRun(t, powerKind, { states: 12 }),
);
