// Implements the example's command line: it puts blobs, stores snapshots that pin them, and
// collects both.
import { parseArgs } from "node:util";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Client } from "stasis";
import { BlobDirectory } from "./blob-directory.js";
import { collectOnce, type CycleResult } from "./collector.js";
import { storePinning } from "./pinning.js";

const usage = `usage: main.js --blobs DIR [--addr ADDRESS] put FILE...
       main.js --blobs DIR [--addr ADDRESS] store NAME TAR BLOB...
       main.js --blobs DIR [--addr ADDRESS] collect [--keep-last N] [--ttl SECONDS] [--every SECONDS]
`;

/** EX_TEMPFAIL of sysexits.h: try again later. */
const exitBusy = 75;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    blobs: { type: "string" },
    addr: { type: "string" },
    "keep-last": { type: "string" },
    ttl: { type: "string", default: "30" },
    every: { type: "string" },
  },
});
const [command, ...rest] = positionals;

if (values.blobs === undefined || command === undefined) fail();
const blobs = await BlobDirectory.open(values.blobs);

if (command === "put") {
  for (const file of rest) console.log(await blobs.put(await readFile(file)));
} else {
  const client = connect(values.addr);
  try {
    if (command === "store") await store(client);
    else if (command === "collect") await collect(client);
    else fail();
  } finally {
    client.close();
  }
}

function fail(): never {
  process.stderr.write(usage);
  process.exit(64);
}

async function store(client: Client): Promise<void> {
  const [name, tar, ...imageBlobIds] = rest;
  if (name === undefined || tar === undefined) fail();
  const bytes = await readFile(tar);
  const snapshot = await storePinning(client, blobs, { config: { name, imageBlobIds } }, once);
  console.log(snapshot.config?.id);

  async function* once(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(bytes);
  }
}

async function collect(client: Client): Promise<void> {
  const { "keep-last": keepLast, ttl, every } = values;
  const options = {
    owner: `image store of ${hostname()}`,
    ttlMs: Number(ttl) * 1000,
    policy: keepLast === undefined ? {} : { keepLast: Number(keepLast) },
  };
  if (every === undefined) {
    const result = await collectOnce(client, blobs, options);
    report(result);
    if (result.kind !== "done") process.exitCode = exitBusy;
    return;
  }
  for (;;) {
    const result = await collectOnce(client, blobs, options);
    report(result);
    const usualMs = Number(every) * 1000;
    // The pause ends when the other collection may have ended, but not later than usual.
    await pause(result.kind === "busy" ? Math.min(usualMs, result.retryAfterMs) : usualMs);
  }
}

function report(result: CycleResult): void {
  if (result.kind === "busy") {
    console.log(`busy: ${result.owner} collects; again in ${Math.ceil(result.retryAfterMs)} ms`);
  } else if (result.kind === "unreachable") {
    console.log(`lost: ${result.message}; if that had begun a session it ends by itself`);
  } else if (result.kind === "expired") {
    console.log("expired: the session was over before the blobs could go; all of them stay");
  } else {
    console.log(`removed ${result.snapshots.length} snapshots, ${result.blobs.length} blobs`);
    for (const id of result.blobs) console.log(id);
  }
}
