// The disk is taken from the daemon: power cuts, recorded writes with random loss, flushes that lie.
import { test } from "node:test";
import { logKind, lyingKind } from "./log-kind.js";
import { powerKind } from "./power-kind.js";
import { playShortRun } from "./short-run.js";

test(
  "a power cut takes nothing that was acknowledged and leaves nothing half-made",
  { skip: powerKind.cannot() },
  ({ signal }) => playShortRun(powerKind, { states: 12, signal }),
);

test(
  "of writes that were not flushed any may be lost: what was acknowledged is there all the same",
  { skip: logKind.cannot() },
  ({ signal }) => playShortRun(logKind, { states: 60, signal }),
);

test(
  "on a disk that lies about flushes damage is told, never served as whole",
  { skip: lyingKind.cannot() },
  ({ signal }) => playShortRun(lyingKind, { states: 40, signal }),
);
