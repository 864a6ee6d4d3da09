// Records the daemon's writes on a disk that reports flushes without making them.
import { test } from "node:test";
import { lyingKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "after false reports of flushes, damage is reported and never served as intact",
  { skip: lyingKind.cannot() },
  (t) => playShortRun(t, lyingKind, { states: 24 }),
);
