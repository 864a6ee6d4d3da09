// Provokes the reasons that the daemon can return, over TCP, and reads them from
// `grpc-status-details-bin`. The list `elsewhere` must name every other reason.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { codeOfReason, type ErrorReason } from "../../src/base/errors.js";
import { cannotMount } from "../support/scratch.js";
import { collectionErrors } from "./errors/collections.js";
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
collectionErrors();
limitErrors(noTmpfs);

interface Elsewhere {
  readonly why: string;
  /**
   * Names the test that provokes the reason, relative to this folder. Without such a test, no code
   * in src/ may raise the reason.
   */
  readonly test?: string;
}

/** Lists the reasons that other tests provoke. */
const elsewhere: Partial<Record<ErrorReason, Elsewhere>> = {
  SNAPSHOT_ID_TAKEN: {
    why: "ids are 80 random bits: no request makes two equal",
    test: "../unit/catalog/uploads.test.js",
  },
  CLOCK_SUSPECT: { why: "needs a clock that is set", test: "clock-steps.test.js" },
  DRAINING: { why: "needs a daemon that stops", test: "drain.test.js" },
  ROOT_LOCKED: { why: "needs a start that fails", test: "recovery.test.js" },
  CALL_CANCELLED: {
    why: "needs callers that disconnect",
    test: "../unit/transport/streams.test.js",
  },
  DEADLINE_PASSED: { why: "needs callers that wait", test: "../unit/transport/streams.test.js" },
  IO_FAILED: { why: "needs a disk that fails", test: "../unit/files/publish-order.test.js" },
  INTERNAL: { why: "needs a bug in a handler", test: "../unit/transport/errors.test.js" },
  DAEMON_UNREACHABLE: { why: "made by the client", test: "drain.test.js" },
  DOWNLOAD_TRUNCATED: { why: "made by the client", test: "../unit/client/download.test.js" },
  NOT_IMPLEMENTED: {
    why: "every feature is implemented",
    test: "../unit/transport/errors.test.js",
  },
  FORMAT_UNSUPPORTED: { why: "needs a newer stasis", test: "newer-format.test.js" },
  ROOT_UNSAFE: { why: "needs a start that fails", test: "../unit/files/private-root.test.js" },
  STORE_READ_ONLY: { why: "needs a disk that is read-only", test: "condition.test.js" },
  ROOT_UNAVAILABLE: { why: "needs a root that disappears", test: "root-away.test.js" },
  REFLINK_UNSUPPORTED: { why: "needs another filesystem", test: "clone.test.js" },
  LINK_UNSUPPORTED: { why: "needs a file that cannot be linked", test: "clone.test.js" },
  SNAPSHOT_PROTECTED: { why: "only one call returns it", test: "behaviours/taking.js" },
  PEER_REFUSED: { why: "needs a peer with identities", test: "../replication/peers.test.js" },
  PEER_DATA_INVALID: {
    why: "needs a peer that sends wrong data",
    test: "../replication/hostile.test.js",
  },
  REMOTE_UNREACHABLE: { why: "needs an object store", test: "../remote/faults.test.js" },
  REMOTE_REFUSED: { why: "needs an object store", test: "../remote/faults.test.js" },
  REMOTE_DATA_INVALID: { why: "needs an object store", test: "../remote/faults.test.js" },
  REMOTE_COPY_MISSING: { why: "needs an object store", test: "../remote/bucket.test.js" },
  REMOTE_SNAPSHOT_HELD: {
    why: "needs an object store",
    test: "../remote/remove-snapshots.test.js",
  },
  UNRECOGNIZED: { why: "made by the client", test: "../unit/client/status.test.js" },
  BLOCKED_BY_GC: { why: "an upload waits ten seconds for it", test: "gc-cycle.test.js" },
  CREDENTIALS_INVALID: {
    why: "needs a daemon with identities",
    test: "../access/credentials.test.js",
  },
  ROLE_INSUFFICIENT: { why: "needs a daemon with identities", test: "../access/matrix.test.js" },
  ACCESS_DENIED: { why: "made by the client", test: "../access/other-user.test.js" },
  ...(noTmpfs === false
    ? {}
    : { CROSS_FILESYSTEM: { why: noTmpfs, test: "../unit/holes/errno.test.js" } }),
};

test("every reason is provoked here, or the table names its test", async () => {
  const reasons = Object.keys(codeOfReason) as ErrorReason[];
  const missing = reasons.filter((reason) => !covered.has(reason) && !(reason in elsewhere));
  assert.deepEqual(missing, []);
  const source = await sourceText();
  for (const [reason, { test: file, why }] of Object.entries(elsewhere)) {
    assert.ok(!covered.has(reason as ErrorReason), `${reason} is provoked here after all`);
    if (file === undefined) {
      assert.ok(!source.includes(`"${reason}"`), `${why}, but src/ has ${reason}`);
    } else {
      const text = await readFile(new URL(file, import.meta.url), "utf8");
      assert.ok(text.includes(reason), `${file} does not have ${reason}`);
    }
  }
});

/** Returns all compiled sources as one text. */
async function sourceText(): Promise<string> {
  const folder = fileURLToPath(new URL("../../src", import.meta.url));
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith(".js")).map((name) => join(folder, name));
  return (await Promise.all(files.map((file) => readFile(file, "utf8")))).join("\n");
}
