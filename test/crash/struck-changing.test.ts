// Injects faults at system calls of calls that replace, delete, take and change snapshots.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const scenarios = ["replace", "delete", "take", "take-linked", "update"];

test(
  "a fault while the daemon changes the store leaves its guarantees intact",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 90, scenarios }),
);
