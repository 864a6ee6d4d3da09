// The daemon is struck at system calls of calls that replace, remove, change and read.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const changing = ["replace", "delete", "take", "take-linked", "update"];
const reading = ["restore", "export-to-directory", "verify", "stop"];
const scenarios = [...changing, ...reading];

test(
  "a daemon struck while it replaces, removes or reads keeps its promises",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 150, scenarios }),
);
