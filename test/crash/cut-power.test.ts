// Cuts the disk off while the daemon works on ext4 and XFS.
import { test } from "node:test";
import { powerKind } from "./power-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "a power cut loses no acknowledged snapshot and leaves no incomplete one",
  { skip: powerKind.cannot() },
  (t) => playShortRun(t, powerKind, { states: 12 }),
);
