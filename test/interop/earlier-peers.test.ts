// Tests that an earlier build and this one understand each other: as peers, and as client and
// daemon with the generated Go client of either.
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { connect, restoreToLocalDirectory } from "../../src/client/index.js";
import { compileCases, type Case, type Scenario } from "../conformance/compile.js";
import { startDaemons } from "../conformance/daemons.js";
import { changedCopy, createOn, kib, mib, pull } from "../replication/nodes.js";
import { makeSource, piece } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { buildCommit, cannotBuild } from "../support/earlier-build.js";
import { buildGoRunner, fileAt, runCases, withoutGo } from "../support/earlier-client.js";
import { compareFiles, patternBytes, removeScratch, withScratchDir } from "../support/scratch.js";

/** This commit precedes the fields by which peers agree on versions, encodings and bitmaps. */
const earlier = "682f3ed";
const skip = cannotBuild(earlier, "any Node");

/**
 * The calls or answers of these cases have fields that this build added or reads in another way.
 */
const affected = [
  "what the daemon is",
  "every field comes back as it went",
  "names, labels and protection change",
  "archives: gzip, zstd, GNU and plain sparse files",
  "directories of the daemon's node",
  "a request id: the same answer again",
  "between two nodes",
];

/** Describes what an earlier daemon does with fields that it does not know. */
const ofAnEarlierDaemon: Scenario["cases"] = [
  {
    case: "new fields at an earlier daemon",
    steps: [
      {
        call: "SystemService/GetInfo",
        expect: {
          features: { gzip: true, encodings: null, tableVersions: null, cloneModes: null },
        },
      },
      {
        call: "SnapshotService/Create",
        send: [{ header: { config: { name: "early" } } }, { body: "holes" }, { commit: "holes" }],
        save: { id: "snapshot.config.id", digest: "snapshot.digest" },
      },
      {
        call: "SnapshotService/Inspect",
        send: { ref: "early" },
        expect: { snapshot: { files: [{ name: "cow.raw", blockHash: null }, {}] } },
      },
      {
        call: "ReplicationService/GetManifest",
        send: { ref: "early", snapshotOnly: true, acceptTableVersions: [1] },
        expect: { messages: [{ snapshot: { digest: "${digest}" } }] },
      },
      {
        call: "ReplicationService/ReadBlocks",
        send: {
          ...{ snapshotId: "${id}", file: "cow.raw", ranges: [{ first: "0", count: "1" }] },
          ...{ acceptEncodings: ["BLOCK_ENCODING_NONZERO_PAGES"], acceptsPageBitmap: true },
        },
        expect: { messages: [{ data: "*", encoding: "BLOCK_ENCODING_RAW", pageBytes: null }] },
      },
      {
        call: "ReplicationService/ReadBlocks",
        send: {
          ...{ snapshotId: "${id}", file: "cow.raw", ranges: [{ first: "0", count: "1" }] },
          ...{ acceptsNonzeroPages: true, acceptsPageBitmap: true },
        },
        expect: {
          messages: [
            { encoding: "BLOCK_ENCODING_NONZERO_PAGES", changedPages: "1", pageBytes: null },
          ],
        },
      },
    ],
  },
];

describe("an earlier build and this one", { skip }, () => {
  let directory = "";
  let program: URL;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "stasis-test-"));
    program = pathToFileURL(await buildCommit(earlier, join(directory, "build")));
  });

  after(() => removeScratch(directory));

  for (const receiver of ["this build", "the earlier one"] as const) {
    test(`${receiver} pulls, with and without a base`, () =>
      withScratchDir(async (scratch) => {
        const start = (root: string, old: boolean) =>
          startDaemonProcess(join(scratch, root), {}, undefined, {}, old ? program : undefined);
        await using from = await start("from", receiver === "this build");
        await using to = await start("to", receiver !== "this build");
        await using sender = connect(from.address);
        await using client = connect(to.address);
        const memory = [piece(0, 4 * mib), piece(6 * mib, 4 * kib), piece(16 * mib, 2 * mib + 345)];
        const parent = await makeSource(join(scratch, "parent"), [
          { name: "memory", sizeBytes: 20 * mib, pieces: memory },
          { name: "state.json", sizeBytes: 300, pieces: [piece(0, 300)] },
        ]);
        await createOn({ client: sender }, parent, "parent", { vm: "one" });
        const changes = [
          { offset: mib + 8 * kib, bytes: patternBytes(4 * kib, 77) },
          { offset: 17 * mib, bytes: patternBytes(100, 78) },
          { offset: 12 * mib, bytes: patternBytes(4 * kib, 79) },
        ];
        const child = await changedCopy(parent, join(scratch, "child"), "memory", changes);
        const stored = await createOn({ client: sender }, child, "child", { vm: "one" });
        const source = from.tcpAddress;
        const first = await pull({ client }, { source, ref: "parent" });
        // Only one page of the block at 6 MiB is sent.
        const dataBytes = 6 * mib + 256 * kib;
        assert.ok(Number(first.progress.sentBytes) < dataBytes, `${first.progress.sentBytes} sent`);
        const { snapshot, progress } = await pull({ client }, { source, ref: "child" });
        assert.equal(snapshot.digest, stored.digest);
        assert.ok(Number(progress.sentBytes) < 32 * kib, `${progress.sentBytes} bytes sent`);
        await restoreToLocalDirectory(client, "child", join(scratch, "restored"));
        for (const name of ["memory", "state.json"]) {
          const restored = join(scratch, "restored", name);
          await compareFiles(restored, join(child, name), { holes: false });
        }
      }));
  }

  for (const [client, daemon] of [
    [earlier, "this build"],
    ["here", "the earlier build"],
  ] as const) {
    const whose = client === "here" ? "of this build" : "of an earlier one";
    test(`the Go client ${whose} calls ${daemon}`, { skip: withoutGo() }, () =>
      withScratchDir(async (scratch) => {
        const runner = await buildGoRunner(client, join(scratch, "go"));
        const text = await fileAt(earlier, "test/conformance/scenario.json");
        const scenario = JSON.parse(text) as Scenario;
        const chosen = scenario.cases.filter((each) => affected.includes(each.case));
        assert.equal(chosen.length, affected.length);
        const more = daemon === "this build" ? [] : ofAnEarlierDaemon;
        const all = compileCases({ ...scenario, cases: [...chosen, ...more] });
        const of = daemon === "this build" ? undefined : program;
        for (const transport of ["unix", "tcp"] as const) {
          const place = join(scratch, transport);
          await mkdir(place);
          await using daemons = await startDaemons(place, transport, of);
          const cases = all.filter(({ only = transport }: Case) => only === transport);
          assert.deepEqual(await runCases(runner, place, { ...daemons, cases }), []);
        }
      }),
    );
  }
});
