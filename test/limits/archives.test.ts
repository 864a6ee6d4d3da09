// Tests the limits of archives and of log lines. Each test of an archive accepts one at the limit
// and refuses one beyond it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { OwnedChunk, type OwnedStream } from "../../src/wire/chunk.js";
import { decompress } from "../../src/archive/compression.js";
import { decodeEnvelope, maxEnvelopeBytes } from "../../src/archive/envelope.js";
import { defaultArchiveLimits, limitBytes, maxTrailingBytes } from "../../src/archive/limits.js";
import { readTar } from "../../src/archive/tar-reader.js";
import { boundedLine, maxLogLineBytes } from "../../src/base/logger.js";
import { failsWith } from "../support/errors.js";
import { endMarker } from "../hostile/hostile-case.js";
import {
  oneChunk,
  paxRecord,
  rawFile,
  rawHeader,
  rawPax,
  rawPaxBody,
} from "../unit/archive/support.js";
import { streamOf } from "../store/contents.js";
import { owned } from "../support/chunks.js";

const mib = 1024 * 1024;

async function countEntries(...parts: readonly Uint8Array[]): Promise<number> {
  let count = 0;
  for await (const entry of readTar(oneChunk(...parts))) count += entry.name === "" ? 0 : 1;
  return count;
}

async function drain(stream: OwnedStream): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

test("the number of files in an archive is limited", async () => {
  const { maxFiles } = defaultArchiveLimits;
  const files = Array.from({ length: maxFiles }, (_, index) => rawHeader({ name: `f${index}` }));
  assert.equal(await countEntries(...files, endMarker), maxFiles);
  const error = await failsWith(
    countEntries(...files, rawHeader({ name: "more" }), endMarker),
    "LIMIT_EXCEEDED",
  );
  assert.equal(error.metadata["limit"], "max_files");
  assert.equal(error.metadata["expected"], String(maxFiles));
});

test("the length of a file's name is limited", async () => {
  const named = (name: string) => [rawPax([["path", name]]), rawFile("x", "data"), endMarker];
  assert.equal(await countEntries(...named("n".repeat(255))), 1);
  await failsWith(countEntries(...named("n".repeat(256))), "ARCHIVE_INVALID");
});

test("the size of a PAX header is limited", async () => {
  const { maxPaxBytes } = defaultArchiveLimits;
  const frame = paxRecord("comment", "").length + 5;
  const record = paxRecord("comment", "c".repeat(maxPaxBytes - frame));
  assert.equal(record.length, maxPaxBytes);
  assert.equal(await countEntries(rawPaxBody(record), rawFile("x", "data"), endMarker), 1);
  const larger = paxRecord("comment", "c".repeat(maxPaxBytes - frame + 1));
  const error = await failsWith(
    countEntries(rawPaxBody(larger), rawFile("x", "data"), endMarker),
    "LIMIT_EXCEEDED",
  );
  assert.equal(error.metadata["limit"], "max_pax_bytes");
});

test("the segments of a sparse map are limited", async () => {
  const { maxSegments } = defaultArchiveLimits;
  // The archive uses GNU's format 1.0, whose map is not part of a PAX header. The segments are
  // empty.
  const sparse = (segments: number) => {
    const map = Buffer.from(`${segments}\n${"0\n0\n".repeat(segments)}`);
    return [
      rawPax([
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.realsize", "9"],
      ]),
      rawFile("disk", Buffer.concat([map, Buffer.alloc((512 - (map.length % 512)) % 512)])),
      endMarker,
    ];
  };
  assert.equal(await countEntries(...sparse(maxSegments)), 1);
  const error = await failsWith(countEntries(...sparse(maxSegments + 1)), "LIMIT_EXCEEDED");
  assert.equal(error.metadata["limit"], "max_segments");
});

test("the zeros after the end marker of an archive are limited", async () => {
  const zeros = Buffer.alloc(mib);
  async function* padded(extra: number) {
    yield OwnedChunk.constant(Buffer.concat([rawFile("x", "data"), endMarker]));
    for (let sent = 0; sent < maxTrailingBytes; sent += zeros.length) {
      yield OwnedChunk.constant(zeros);
    }
    yield OwnedChunk.constant(Buffer.alloc(extra));
  }
  const read = async (extra: number) => {
    for await (const entry of readTar(padded(extra))) assert.equal(entry.name, "x");
  };
  await read(0);
  await failsWith(read(1), "LIMIT_EXCEEDED");
});

test("the size of an envelope is limited", async () => {
  const text = '{"version":1,"config":{}}';
  const fits = Buffer.from(text.padEnd(maxEnvelopeBytes));
  assert.equal(decodeEnvelope(fits).config.name, "");
  const decode = async () => decodeEnvelope(Buffer.from(text.padEnd(maxEnvelopeBytes + 1)));
  await failsWith(decode(), "LIMIT_EXCEEDED");
});

const uploadOf = (...sizes: number[]): OwnedStream =>
  owned(streamOf(...sizes.map((size) => Buffer.alloc(size))));

test("the size of an upload is limited", async () => {
  assert.equal(await drain(limitBytes(uploadOf(60, 40), 100)), 100);
  const error = await failsWith(drain(limitBytes(uploadOf(60, 41), 100)), "LIMIT_EXCEEDED");
  assert.equal(error.metadata["limit"], "max_upload_bytes");
});

test("the decompression ratio of an archive is limited", async () => {
  const unfolded = 80 * mib;
  const packed = gzipSync(Buffer.alloc(unfolded, "a"));
  const ratio = Math.ceil(unfolded / packed.length);
  assert.equal(await drain(decompress(owned(streamOf(packed)), { maxRatio: ratio })), unfolded);
  const error = await failsWith(
    drain(decompress(owned(streamOf(packed)), { maxRatio: ratio - 1 })),
    "LIMIT_EXCEEDED",
  );
  assert.equal(error.metadata["limit"], "max_ratio");
  // The ratio does not count zeros, which become holes, because a disk may be nearly empty.
  const zeros = gzipSync(Buffer.alloc(unfolded));
  assert.equal(await drain(decompress(owned(streamOf(zeros)), { maxRatio: 2 })), unfolded);
  const small = gzipSync(Buffer.alloc(60 * mib, "a"));
  assert.equal(await drain(decompress(owned(streamOf(small)), { maxRatio: 2 })), 60 * mib);
});

test("the length of a log line is limited", () => {
  const line = (text: string) => `${JSON.stringify({ level: 30, message: "m", text })}\n`;
  const fits = line("x".repeat(maxLogLineBytes - line("").length));
  assert.equal(Buffer.byteLength(fits), maxLogLineBytes);
  assert.equal(boundedLine(fits), fits);
  const cut = boundedLine(line("x".repeat(maxLogLineBytes - line("").length + 1)));
  assert.ok(cut.endsWith("\n") && Buffer.byteLength(cut) < 2048);
  const { cut: isCut, level, text } = JSON.parse(cut) as Record<string, unknown>;
  assert.deepEqual([isCut, level], [true, 30]);
  assert.match(String(text), /^x+…$/);
  const many = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [index, "y"]));
  const least = boundedLine(`${JSON.stringify({ level: 50, message: "m", ...many })}\n`);
  assert.deepEqual(JSON.parse(least), { level: 50, message: "m", cut: true });
});

test("a log line escapes characters that a terminal would interpret, without changing its meaning", () => {
  // The text has a control sequence, DEL, line separators and characters that change the direction.
  const text = "\u009b31m\u007f\u2028\u2029\u202e\u2066\u200fä\u00a0";
  const line = boundedLine(`${JSON.stringify({ level: 30, message: "m", text })}\n`);
  assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]./u);
  assert.deepEqual(JSON.parse(line), { level: 30, message: "m", text });
  const long = boundedLine(`${JSON.stringify({ message: "m", text: text.repeat(9000) })}\n`);
  assert.doesNotMatch(long, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]./u);
});

test("a shortened log line keeps as many fields as fit", () => {
  const texts = Array.from({ length: 40 }, () => "\u0001".repeat(250));
  const entry = { level: 30, message: "m", who: "anna", refs: texts, outcome: "OK" };
  const line = boundedLine(`${JSON.stringify(entry)}\n`);
  assert.ok(Buffer.byteLength(line) <= maxLogLineBytes);
  const { who, outcome, cut } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([who, outcome, cut], ["anna", "OK", true]);
});
