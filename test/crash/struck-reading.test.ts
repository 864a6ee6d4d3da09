// Injects faults at system calls of calls that only read, and of a stop.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const scenarios = ["restore", "export-to-directory", "verify", "stop"];

test(
  "a fault while the daemon reads or stops leaves its guarantees intact",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 60, scenarios }),
);
