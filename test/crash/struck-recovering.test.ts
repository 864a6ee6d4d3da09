// Injects faults at system calls of the daemon's recovery.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { startKind } from "./start-kind.js";

test(
  "a fault in recovery loses nothing, and the next start finishes the work",
  { skip: cannotStrace() },
  (t) => playShortRun(t, startKind, { states: 24 }),
);
