// Provokes errors of uploads with an invalid header, invalid frames or invalid bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { encodeEnvelope } from "../../../src/archive/envelope.js";
import { encodeTarHeader } from "../../../src/archive/tar-header.js";
import { writeTar } from "../../../src/archive/tar-writer.js";
import { emptyConfig } from "../../../src/model/config.js";
import { collect, mib } from "../contents.js";
import { chunk, commit, createHeader, importHeader, noSuchValue, whole } from "./frames.js";
import { lend } from "../../../src/wire/chunk.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const { create, import: importArchive } = SnapshotService.method;

/** All uploads request this name, which must be free afterwards. */
const name = "web";
const named = createHeader({ config: { name } });
const imported = importHeader({ name });

function headerCases({ tar, call }: Scene): readonly ErrorCase[] {
  const createWith = (header: ReturnType<typeof createHeader>) => () =>
    call(create, header, ...whole(tar));
  const importWith = (header: ReturnType<typeof importHeader>) => () =>
    call(importArchive, header, ...whole(tar));
  const invalid = (field: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
    reason: "FIELD_INVALID",
    how: field,
    provoke,
    expected: { fields: [field] },
  });
  return [
    invalid("header.config.name", createWith(createHeader({ config: { name: "no spaces" } }))),
    invalid("header.config.id", createWith(createHeader({ config: { name, id: "mine" } }))),
    invalid("header.config.memory", createWith(createHeader({ config: { name, memory: -1n } }))),
    invalid("header.request_id", createWith(createHeader({ config: { name }, requestId: "1" }))),
    invalid(
      "header.on_name_conflict",
      createWith(createHeader({ config: { name }, onNameConflict: noSuchValue })),
    ),
    invalid("header.name", importWith(importHeader({ name: "no spaces" }))),
    invalid("header.request_id", importWith(importHeader({ name, requestId: "1" }))),
    invalid(
      "header.on_name_conflict",
      importWith(importHeader({ name, onNameConflict: noSuchValue })),
    ),
  ];
}

function frameCases({ tar, call }: Scene): readonly ErrorCase[] {
  const wrongOrder = (
    how: string,
    ...frames: readonly ReturnType<typeof createHeader>[]
  ): ErrorCase => ({
    reason: "FRAME_ORDER_INVALID",
    how,
    provoke: () => call(create, ...frames),
  });
  return [
    wrongOrder("no frame"),
    wrongOrder("a frame without content", {}),
    wrongOrder("a chunk before the header", chunk(tar)),
    wrongOrder("two headers", named, named),
    wrongOrder("an end without commit", named, chunk(tar)),
    wrongOrder("a chunk after commit", named, ...whole(tar), chunk(tar)),
    wrongOrder("two commits", named, ...whole(tar), commit(tar.length)),
    {
      reason: "CHECKSUM_MISMATCH",
      how: "total_bytes is one too many",
      provoke: () => call(create, named, chunk(tar), commit(tar.length + 1)),
    },
    {
      reason: "CHECKSUM_MISMATCH",
      how: "another CRC-32",
      provoke: () => call(create, named, chunk(tar), commit(tar.length, 1)),
    },
  ];
}

function archiveCases({ tar, call }: Scene): readonly ErrorCase[] {
  const invalid = (how: string, bytes: Uint8Array, entry?: string): ErrorCase => ({
    reason: "ARCHIVE_INVALID",
    how,
    provoke: () => call(create, named, ...whole(bytes)),
    ...(entry === undefined ? {} : { expected: { metadata: { entry } } }),
  });
  const packed = gzipSync(tar);
  return [
    invalid("noise", new Uint8Array(2048).fill(7)),
    invalid("nothing", new Uint8Array(0)),
    invalid("cut in the last file", tar.subarray(0, tar.length - 1536)),
    invalid("cut before the end marker", tar.subarray(0, tar.length - 1024)),
    invalid("a name that leaves the directory", tarOf("../web"), "../web"),
    {
      reason: "ARCHIVE_INVALID",
      how: "an import cut in its gzip stream",
      provoke: () => call(importArchive, imported, ...whole(packed.subarray(0, -20))),
    },
  ];
}

async function envelopeCases({ tar, call }: Scene): Promise<readonly ErrorCase[]> {
  const envelope = Buffer.from(encodeEnvelope(emptyConfig(), [])).toString();
  const future = envelope.replace(/"version": ?1/, '"version":9');
  assert.notEqual(future, envelope);
  const ofFuture = await collect(lend(writeTar([], { envelope: Buffer.from(future) })));
  const hollow = await collect(lend(writeTar([], { envelope: Buffer.from(envelope) })));
  return [
    {
      reason: "ENVELOPE_MISSING",
      how: "the tar of a Create",
      provoke: () => call(importArchive, imported, ...whole(tar)),
    },
    {
      reason: "ENVELOPE_VERSION_UNSUPPORTED",
      how: "version 9",
      provoke: () => call(importArchive, imported, ...whole(ofFuture)),
    },
    {
      reason: "ARCHIVE_INVALID",
      how: "an envelope without data files",
      provoke: () => call(importArchive, imported, ...whole(hollow)),
    },
    {
      reason: "LIMIT_EXCEEDED",
      how: "an envelope that is too large, refused before its bytes arrived",
      provoke: () => call(importArchive, imported, chunk(tarHeader("snapshot.json", 5 * mib))),
      expected: { metadata: { limit: "max_envelope_bytes" } },
    },
  ];
}

function tarHeader(entry: string, sizeBytes: number): Uint8Array {
  return encodeTarHeader({ name: entry, mode: 0o600, sizeBytes, modifiedSeconds: 0, type: "0" });
}

/** Returns a tar with one empty file. */
function tarOf(entry: string): Uint8Array {
  return Buffer.concat([tarHeader(entry, 0), Buffer.alloc(1024)]);
}

export function uploadErrors(): void {
  test("invalid uploads", async (t) => {
    const scene = await openScene(t);
    await runCases(t, scene, headerCases(scene));
    await runCases(t, scene, frameCases(scene));
    await runCases(t, scene, archiveCases(scene));
    await runCases(t, scene, await envelopeCases(scene));
    const { code } = await scene.call(create, named, ...whole(scene.tar));
    assert.equal(code, "OK", "the name is free");
  });
}
