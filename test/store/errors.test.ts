// Every reason that the daemon can answer with, provoked for real over TCP and read from
// `grpc-status-details-bin`; no reason may be left out.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { codeOfReason, type ErrorReason } from "../../src/base/errors.js";
import { cannotMount } from "../support/scratch.js";
import { directoryErrors } from "./errors/directories.js";
import { encounterErrors } from "./errors/encounters.js";
import { limitErrors } from "./errors/limits.js";
import { refErrors } from "./errors/refs.js";
import { covered } from "./errors/scene.js";
import { uploadErrors } from "./errors/uploads.js";

const noTmpfs = cannotMount("tmpfs");

uploadErrors();
refErrors();
encounterErrors();
directoryErrors(noTmpfs);
limitErrors(noTmpfs);

interface Elsewhere {
  readonly why: string;
  /** The test that provokes it, relative to this folder. */
  readonly test?: string;
}

/** Reasons that are not provoked here. */
const elsewhere: Partial<Record<ErrorReason, Elsewhere>> = {
  SNAPSHOT_ID_TAKEN: {
    why: "ids are 80 random bits: no request makes two equal",
    test: "../unit/catalog/uploads.test.js",
  },
  DRAINING: { why: "needs a daemon that stops", test: "drain.test.js" },
  ROOT_LOCKED: { why: "a start that fails", test: "recovery.test.js" },
  CALL_CANCELLED: { why: "needs callers that go", test: "../unit/transport/streams.test.js" },
  DEADLINE_PASSED: { why: "needs callers that wait", test: "../unit/transport/streams.test.js" },
  IO_FAILED: { why: "needs a disk that fails", test: "../unit/data/publish-order.test.js" },
  INTERNAL: { why: "needs a bug in a handler", test: "../unit/transport/errors.test.js" },
  DAEMON_UNREACHABLE: { why: "made by the client", test: "drain.test.js" },
  DOWNLOAD_TRUNCATED: { why: "made by the client", test: "../unit/client/download.test.js" },
  UNRECOGNIZED: { why: "made by the client", test: "../unit/client/status.test.js" },
  GC_SESSION_NOT_FOUND: { why: "GcService is not built" },
  GC_REFERENCES_INCOMPLETE: { why: "GcService is not built" },
  GC_LOCK_BUSY: { why: "GcService is not built" },
  GC_SESSION_FENCED: { why: "GcService is not built" },
  BLOCKED_BY_GC: { why: "GcService is not built" },
  CREDENTIALS_INVALID: { why: "there are no identities yet" },
  ROLE_INSUFFICIENT: { why: "there are no identities yet" },
  ...(noTmpfs === false ? {} : { CROSS_FILESYSTEM: { why: noTmpfs } }),
};

test("every reason is provoked here, or it is said where and why", async () => {
  const reasons = Object.keys(codeOfReason) as ErrorReason[];
  const missing = reasons.filter((reason) => !covered.has(reason) && !(reason in elsewhere));
  assert.deepEqual(missing, []);
  for (const [reason, { test: file }] of Object.entries(elsewhere)) {
    assert.ok(!covered.has(reason as ErrorReason), `${reason} is provoked here after all`);
    if (file === undefined) continue;
    const text = await readFile(new URL(file, import.meta.url), "utf8");
    assert.ok(text.includes(reason), `${file} does not have ${reason}`);
  }
});
