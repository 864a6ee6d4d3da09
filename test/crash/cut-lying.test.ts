// Recorded writes of the daemon on a disk that lies about its flushes.
import { test } from "node:test";
import { lyingKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "a disk that lies about flushes: damage is reported and never served as intact",
  { skip: lyingKind.cannot() },
  (t) => playShortRun(t, lyingKind, { states: 24 }),
);
