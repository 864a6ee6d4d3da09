// The daemon is killed at system calls of calls that replace, remove and change.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const scenarios = ["replace", "delete", "take", "take-linked", "update"];

test(
  "a daemon that is killed while it replaces, removes or changes keeps its promises",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 90, scenarios }),
);
