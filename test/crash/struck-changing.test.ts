// The daemon is struck at system calls of what replaces, removes, changes and reads.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

// `update` is open: syscall:update:main.fsync.2:EIO is acknowledged although a commit's fsync failed; whether that
// is the commit of the update or a later one of the background is to be found out.
const scenarios = ["replace", "delete", "restore", "export-to-directory", "verify", "stop"];

test(
  "a daemon struck while it replaces, removes or reads keeps what it has answered",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 80, scenarios }),
);
