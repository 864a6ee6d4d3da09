// The same on a disk that lies about its flushes.
import { test } from "node:test";
import { lyingKind } from "./log-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "a disk that lies about flushes: damage is told and never served as whole",
  { skip: lyingKind.cannot() },
  (t) => playShortRun(t, lyingKind, { states: 24 }),
);
