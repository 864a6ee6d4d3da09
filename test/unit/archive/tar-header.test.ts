// Tests the tar header: the written bytes, and every accepted or refused form of a number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeTarHeader, encodeTarHeader } from "../../../src/archive/tar-header.js";
import { StoreError } from "../../../src/base/errors.js";
import { rawHeader, withChecksum } from "./support.js";

function refused(header: Buffer, message: RegExp): void {
  assert.throws(
    () => decodeTarHeader(header, "header"),
    (error: unknown) =>
      error instanceof StoreError &&
      error.reason === "ARCHIVE_INVALID" &&
      message.test(error.message),
  );
}

test("a header has the exact bytes of ustar", () => {
  const header = Buffer.from(
    encodeTarHeader({
      name: "memory.bin",
      mode: 0o640,
      sizeBytes: 1234,
      modifiedSeconds: 0,
      type: "0",
    }),
  );
  const expected = rawHeader({
    name: "memory.bin",
    mode: "0000640\0",
    size: 1234,
    patch: (raw) => {
      raw.write("0000000\x000000000\0", 329, "latin1");
    },
  });
  assert.deepEqual(header, expected);
});

test("a written header is read back, up to the largest size", () => {
  for (const sizeBytes of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
    const header = encodeTarHeader({
      name: "a",
      mode: 0,
      sizeBytes,
      modifiedSeconds: 2 ** 36,
      type: "0",
    });
    const decoded = decodeTarHeader(header, "header");
    assert.equal(decoded.sizeBytes, sizeBytes);
    assert.equal(decoded.mode, 0);
    assert.equal(decoded.format, "ustar");
  }
});

test("octal sizes are read with every usual padding", () => {
  for (const size of ["00000000017\0", "         17 ", "17\0\0\0\0\0\0\0\0\0\0", "000000000017"]) {
    assert.equal(decodeTarHeader(rawHeader({ name: "a", size }), "header").sizeBytes, 15);
  }
});

test("an invalid size is refused", () => {
  const garbage = ["00000000018\0", "-0000000001\0", "\0\0\0\0\0\0\0\0\0\0\0\0", "           \0"];
  const split = ["0000 0001\0\0\0", "1\x002\0\0\0\0\0\0\0\0\0", "0x1\0\0\0\0\0\0\0\0\0"];
  for (const size of [...garbage, ...split]) {
    refused(rawHeader({ name: "a", size }), /the size is not a number/);
  }
});

test("base-256 sizes are read up to 2^53 - 1, and refused above that and below 0", () => {
  const field = (...bytes: number[]): Buffer =>
    Buffer.from([
      ...bytes.slice(0, 1),
      ...Array<number>(12 - bytes.length).fill(0),
      ...bytes.slice(1),
    ]);
  const size = (bytes: Buffer): number =>
    decodeTarHeader(rawHeader({ name: "a", size: bytes }), "header").sizeBytes;
  assert.equal(size(field(0x80, 1, 0)), 256);
  assert.equal(size(field(0x80, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), 2 ** 53 - 1);
  for (const bad of [
    field(0x80, 0x20, 0, 0, 0, 0, 0, 0),
    field(0x81, 0),
    Buffer.alloc(12, 0xff),
    field(0xc0, 1),
  ]) {
    refused(rawHeader({ name: "a", size: bad }), /the size is not a number/);
  }
});

test("the mode is masked to 0777", () => {
  assert.equal(decodeTarHeader(rawHeader({ name: "a", mode: "0104755\0" }), "header").mode, 0o755);
  refused(rawHeader({ name: "a", mode: "rw-r--r-" }), /the mode is not a number/);
});

test("every format is recognized by its magic, and others are refused", () => {
  const format = (magic: string): string =>
    decodeTarHeader(rawHeader({ name: "a", magic }), "header").format;
  assert.equal(format("ustar\x0000"), "ustar");
  assert.equal(format("ustar  \0"), "gnu");
  assert.equal(format("\0\0\0\0\0\0\0\0"), "v7");
  refused(rawHeader({ name: "a", magic: "ustar\x0001" }), /unknown tar format/);
});

test("only ustar joins the prefix to the name", () => {
  const name = (magic: string): string =>
    Buffer.from(
      decodeTarHeader(rawHeader({ name: "b", prefix: "a", magic }), "header").name,
    ).toString();
  assert.equal(name("ustar\x0000"), "a/b");
  assert.equal(name("ustar  \0"), "b");
});

test("a single changed bit anywhere is found by the checksum", () => {
  const good = rawHeader({ name: "disk.raw", size: 4096 });
  for (let byte = 0; byte < 512; byte++) {
    const bad = Buffer.from(good);
    bad[byte] = (bad[byte] ?? 0) ^ 1;
    // The last two bytes of the checksum field end the number and are not digits.
    if (byte === 154 || byte === 155) continue;
    refused(bad, /checksum/);
  }
  assert.equal(decodeTarHeader(withChecksum(Buffer.from(good)), "header").sizeBytes, 4096);
});
