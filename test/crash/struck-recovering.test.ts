// The daemon is struck at system calls of its recovery.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { startKind } from "./start-kind.js";

test(
  "a daemon struck in recovery loses nothing, and the next start finishes the work",
  { skip: cannotStrace() },
  (t) => playShortRun(t, startKind, { states: 24 }),
);
