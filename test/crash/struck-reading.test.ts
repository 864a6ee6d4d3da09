// The daemon is killed at system calls of calls that read, and while it stops.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const scenarios = ["restore", "export-to-directory", "verify", "stop"];

test(
  "a daemon that is killed while it reads or stops keeps its promises",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 60, scenarios }),
);
