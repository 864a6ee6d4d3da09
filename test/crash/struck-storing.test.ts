// Injects faults at the system calls of Create, CreateDelta, Import and their directory forms.
import { test } from "node:test";
import { cannotStrace } from "../support/scratch.js";
import { playShortRun } from "./short-run.js";
import { syscallKind } from "./syscall-kind.js";

const scenarios = [
  "create",
  "create-large",
  "import",
  "create-from-directory",
  "create-from-linked",
  "import-from-directory",
  "create-delta",
  "create-delta-from-directory",
];

test(
  "a fault while the daemon stores a snapshot loses nothing and shows nothing incomplete",
  { skip: cannotStrace() },
  (t) => playShortRun(t, syscallKind, { states: 180, scenarios }),
);
