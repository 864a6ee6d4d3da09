// Measures the daemon's memory while clients do not read their downloads, and after these downloads
// have ended. SECURITY.md has the bound.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Compression, SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { connect } from "../../src/client/index.js";
import { eventually } from "../support/eventually.js";
import { mib } from "../store/contents.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { inMib, memoryOf } from "../support/memory.js";
import { patternBytes } from "../support/scratch.js";
import { rawFile } from "../unit/archive/support.js";
import { endMarker } from "./hostile-case.js";
import { framed, openSession, paths } from "./hostile-clients.js";

const readers = 64;
const readersPerConnection = 16;
/** The test takes only seconds with this size, and yet each reader stops in the middle. */
const contentBytes = 16 * mib;

async function* content(): AsyncGenerator<Uint8Array> {
  yield rawFile("memory", patternBytes(contentBytes, 1));
  yield endMarker;
}

const { restore, export: exported, readFile } = SnapshotService.method;
const cases = {
  "a restore": {
    path: paths.restore,
    request: framed(restore.input, { ref: "large" }),
    mostBytes: mib,
  },
  "a restore that is verified": {
    path: paths.restore,
    request: framed(restore.input, { ref: "large", verify: true }),
    mostBytes: mib,
  },
  "a ranged read": {
    path: paths.readFile,
    request: framed(readFile.input, { ref: "large", file: "memory" }),
    mostBytes: mib,
  },
  "a ranged read of 4096 pages": {
    path: paths.readFile,
    request: framed(readFile.input, {
      ...{ ref: "large", file: "memory" },
      ranges: Array.from({ length: 4096 }, (_, page) => ({
        ...{ offset: BigInt(page * 4096), length: 4000n },
      })),
    }),
    // The memory holds a slow reader's 1 MiB, the ranges, and a frame for each of them.
    mostBytes: 2.5 * mib,
  },
  "an export with gzip": {
    path: `/${SnapshotService.typeName}/${exported.name}`,
    request: framed(exported.input, { ref: "large", compression: Compression.GZIP }),
    // The memory holds a slow reader's 1 MiB, the compressor, and garbage that has not been
    // collected yet.
    mostBytes: 2.5 * mib,
  },
} as const;

for (const [what, { path, request, mostBytes }] of Object.entries(cases)) {
  const most = `${mostBytes / mib} MiB`;
  test(`a slow reader of ${what} costs at most ${most}, and nothing after it has ended`, async (t) => {
    const root = join(await makeScratch(t, "stasis-slow-"), "root");
    const streams = String(readers + 16);
    await using daemon = await startDaemonProcess(root, {
      "max-streams": streams,
      "max-streams-per-identity": streams,
    });
    const client = connect(daemon.address);
    await client.create({ config: { name: "large" } }, content()).finally(() => client.close());
    const resident = (): number => memoryOf(daemon, "VmRSS");

    /** Waits until the daemon's memory has been stable for `seconds`, and returns it. */
    const settled = async (seconds: number): Promise<number> => {
      let before = resident();
      for (let unchanged = 0, looks = 0; unchanged < seconds && looks < 60; unchanged++, looks++) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        if (Math.abs(resident() - before) < mib) continue;
        unchanged = -1;
        before = resident();
      }
      return before;
    };
    /** Returns the daemon's memory while all readers have an open download. */
    const crowd = async (): Promise<number> => {
      const sessions = Array.from({ length: readers / readersPerConnection }, () =>
        openSession(daemon.tcpAddress),
      );
      try {
        let answered = 0;
        for (const { open } of sessions) {
          for (let index = 0; index < readersPerConnection; index++) {
            const stream = open(path).once("response", () => answered++);
            stream.pause();
            stream.end(request);
          }
        }
        await eventually("the downloads", () => answered === readers);
        return await settled(5);
      } finally {
        for (const { session } of sessions) session.destroy();
      }
    };
    // The first readers leave memory that the daemon keeps: tables, code, and buffers of the
    // upload.
    await crowd();
    const rest = await settled(15);
    const held = await crowd();
    t.diagnostic(`${inMib(rest)} at rest, ${inMib(held)} with ${readers} readers`);
    const each = (held - rest) / readers;
    assert.ok(each <= mostBytes, `${Math.round(each / 1024)} KiB for each reader`);
    await eventually("what was before", () => resident() <= rest + 24 * mib);
  });
}
