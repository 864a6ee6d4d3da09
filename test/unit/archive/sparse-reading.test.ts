// Tests hand-made sparse entries in every supported notation, and maps that must be refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Extent } from "../../../src/model/extent.js";
import { readTar } from "../../../src/archive/tar-reader.js";
import {
  chunked,
  endMarker,
  oneChunk,
  padded,
  rawHeader,
  rawPax,
  readAll,
  rejectsWith,
  type RawHeader,
} from "./support.js";

type Records = readonly (readonly [string, string])[];

/** Makes a sparse entry with the name `disk` and the given body. */
function entry(
  records: Records,
  body: string | Uint8Array,
  header: Partial<RawHeader> = {},
): Buffer {
  const size = Buffer.byteLength(body);
  return Buffer.concat([
    rawPax(records),
    rawHeader({ name: "disk", size, ...header }),
    padded(body),
  ]);
}

const cocoon = (map: string, size: string): Records => [
  ["COCOON.sparse.map", map],
  ["COCOON.sparse.size", size],
];

async function expectFile(archive: Buffer, expected: Buffer, extents: Extent[]): Promise<void> {
  for (const chunkBytes of [1, 512, archive.byteLength]) {
    const whole = Buffer.concat([archive, endMarker]);
    const [file] = await readAll(chunked(whole, [chunkBytes]));
    assert.equal(file?.name, "disk");
    assert.deepEqual(file.bytes, expected);
    assert.deepEqual(file.extents, extents);
  }
}

const refused = (message: RegExp, ...parts: Uint8Array[]): Promise<void> =>
  rejectsWith(readAll(oneChunk(...parts, endMarker)), "ARCHIVE_INVALID", message);

/** The file has 20 bytes: "AAAA" at 4, "BB" at 10, then a hole. */
const expected = Buffer.from("\0\0\0\0AAAA\0\0BB\0\0\0\0\0\0\0\0");
const extents = [
  { offset: 4, length: 4 },
  { offset: 10, length: 2 },
];

test("the two records of cocoon are read exactly", async () => {
  await expectFile(
    entry(cocoon('[{"o":4,"l":4},{"o":10,"l":2}]', "20"), "AAAABB"),
    expected,
    extents,
  );
  const spaced = cocoon(' [ { "l" : 4, "o" : 4 } , {"o":10,"l":2}, {"o":20,"l":0} ]\n', "20");
  await expectFile(entry(spaced, "AAAABB"), expected, extents);
});

test("a file that is one hole is read, also as older versions of cocoon wrote it", async () => {
  for (const map of ["[]", "null"])
    await expectFile(entry(cocoon(map, "9"), ""), Buffer.alloc(9), []);
});

test("adjacent segments are kept as two", async () => {
  await expectFile(entry(cocoon('[{"o":0,"l":1},{"o":1,"l":1}]', "3"), "xy"), Buffer.from("xy\0"), [
    { offset: 0, length: 1 },
    { offset: 1, length: 1 },
  ]);
});

test("a map is checked before its entry is returned", async () => {
  const bad: [map: string, size: string, body: string, message: RegExp][] = [
    ['[{"o":4,"l":4},{"o":2,"l":2}]', "20", "AAAABB", /before the end of the one before/],
    ['[{"o":4,"l":4},{"o":7,"l":2}]', "20", "AAAABB", /before the end of the one before/],
    ['[{"o":4,"l":4},{"o":19,"l":2}]', "20", "AAAABB", /goes beyond the size/],
    ['[{"o":21,"l":0}]', "20", "", /goes beyond the size/],
    ['[{"o":9007199254740991,"l":6}]', "9007199254740991", "AAAABB", /goes beyond the size/],
    ['[{"o":4,"l":4}]', "20", "AAAABB", /hold 4 bytes, but the entry holds 6/],
    ['[{"o":4,"l":4},{"o":10,"l":3}]', "20", "AAAABB", /hold 7 bytes/],
    ['[{"o":-1,"l":6}]', "20", "AAAABB", /segment 0/],
    ['[{"o":0.5,"l":6}]', "20", "AAAABB", /segment 0/],
    ['[{"o":"0","l":6}]', "20", "AAAABB", /segment 0/],
    ['[{"o":0}]', "20", "AAAABB", /segment 0/],
    ['[{"o":0,"l":6,"x":1}]', "20", "AAAABB", /segment 0/],
    ['[{"o":0,"l":6,"__proto__":{}}]', "20", "AAAABB", /segment 0/],
    ["[null]", "20", "AAAABB", /segment 0/],
    ["{}", "20", "AAAABB", /not a JSON array/],
    ["[", "20", "AAAABB", /not valid JSON/],
    ["[".repeat(200_000), "20", "AAAABB", /not valid JSON/],
    ["[]", "-1", "", /COCOON.sparse.size/],
    ["[]", "", "", /COCOON.sparse.size/],
    ["[]", "9007199254740992", "", /COCOON.sparse.size/],
  ];
  for (const [map, size, body, message] of bad) {
    await refused(message, entry(cocoon(map, size), body));
  }
});

test("half of a pair of records is refused, and so are two notations at once", async () => {
  const [map, size] = cocoon("[]", "20") as [Records[0], Records[0]];
  await refused(/expected the PAX records/, entry([map], ""));
  await refused(/expected the PAX records/, entry([size], ""));
  await refused(/expected the PAX records/, entry([map, size, ["COCOON.sparse.new", "1"]], ""));
  await refused(/two notations/, entry([map, size, ["GNU.sparse.major", "1"]], ""));
  await refused(/two notations/, entry([map, size], "", { type: "S", magic: "ustar  \0" }));
});

const gnu10 = (more: Records = []): Records => [
  ["GNU.sparse.major", "1"],
  ["GNU.sparse.minor", "0"],
  ["GNU.sparse.name", "disk"],
  ["GNU.sparse.realsize", "20"],
  ...more,
];
const gnuBody = (map: string, data: string): Buffer =>
  Buffer.concat([padded(map), Buffer.from(data)]);
const placeholder = { name: "GNUSparseFile.1/disk" };

test("GNU's sparse format 1.0 is read", async () => {
  const body = gnuBody("3\n4\n4\n10\n2\n20\n0\n", "AAAABB");
  await expectFile(entry(gnu10(), body, placeholder), expected, extents);
});

test("GNU's sparse format 1.0 with a map of many blocks is read", async () => {
  const count = 1000;
  const segments = Array.from({ length: count }, (_, i) => ({ offset: i * 2, length: 1 }));
  const map = `${count}\n${segments.map((s) => `${s.offset}\n${s.length}\n`).join("")}`;
  const records = gnu10().map(([key, value]) =>
    key === "GNU.sparse.realsize" ? ([key, "2000"] as const) : ([key, value] as const),
  );
  const bytes = Buffer.from("x\0".repeat(count));
  await expectFile(entry(records, gnuBody(map, "x".repeat(count)), placeholder), bytes, segments);
});

test("maps of format 1.0 that are truncated or wrong are refused", async () => {
  const bad: [string, RegExp][] = [
    ["3\n4\n4\n10\n2\n", /beyond the entry/],
    ["x\n", /expected a number/],
    ["2\n4\n4\n-1\n2\n", /expected a number/],
    ["9007199254740992\n", /expected a number/],
    ["1\n0\n7\n", /hold 7 bytes, but the entry holds 6/],
    ["2\n4\n4\n2\n2\n", /before the end/],
    [`1${"0".repeat(2000)}`, /too long|beyond the entry/],
    [`200\n${"0\n0\n".repeat(100)}`, /beyond the entry|expected a number/],
  ];
  for (const [map, message] of bad) {
    await refused(message, entry(gnu10(), gnuBody(map, "AAAABB"), placeholder));
  }
  await refused(
    /unknown sparse format 2\.0/,
    entry(
      [
        ["GNU.sparse.major", "2"],
        ["GNU.sparse.minor", "0"],
      ],
      "",
    ),
  );
  await refused(/unknown sparse record/, entry(gnu10([["GNU.sparse.holes", "1"]]), ""));
  await refused(/realsize/, entry(gnu10().slice(0, 3), gnuBody("0\n", "")));
  await rejectsWith(
    readAll(oneChunk(entry(gnu10(), gnuBody("4\n", "AAAA"), placeholder), endMarker), {
      limits: { maxSegments: 3 },
    }),
    "LIMIT_EXCEEDED",
    /max_segments/,
  );
});

test("GNU's sparse format 0.1 is read", async () => {
  const records: Records = [
    ["GNU.sparse.size", "20"],
    ["GNU.sparse.numblocks", "3"],
    ["GNU.sparse.name", "disk"],
    ["GNU.sparse.map", "4,4,10,2,20,0"],
  ];
  await expectFile(entry(records, "AAAABB", placeholder), expected, extents);
  const miscounted = records.with(1, ["GNU.sparse.numblocks", "2"]);
  await refused(/segments announced: 2, found: 3/, entry(miscounted, "AAAABB"));
});

test("GNU's sparse format 0.0 is read", async () => {
  const segments: Records = [
    ["GNU.sparse.offset", "4"],
    ["GNU.sparse.numbytes", "4"],
    ["GNU.sparse.offset", "10"],
    ["GNU.sparse.numbytes", "2"],
  ];
  const head: Records = [
    ["GNU.sparse.size", "20"],
    ["GNU.sparse.numblocks", "2"],
  ];
  await expectFile(entry([...head, ...segments], "AAAABB"), expected, extents);
  const swapped = [...head, ...segments.toReversed()];
  await refused(/do not alternate/, entry(swapped, "AAAABB"));
  await refused(/numblocks/, entry([...head.slice(0, 1), ...segments], "AAAABB"));
});

/** Makes a header of type S with these segments. */
function oldGnuHeader(
  segments: readonly Extent[],
  realSize: number,
  size: number,
  more = 0,
): Buffer {
  return rawHeader({
    name: "disk",
    type: "S",
    size,
    magic: "ustar  \0",
    patch: (header) => {
      writePairs(header, 386, segments);
      header[482] = more;
      header.write(`${realSize.toString(8).padStart(11, "0")}\0`, 483, "latin1");
    },
  });
}

function writePairs(block: Buffer, start: number, segments: readonly Extent[]): void {
  for (const [index, { offset, length }] of segments.entries()) {
    block.write(`${offset.toString(8).padStart(11, "0")}\0`, start + index * 24, "latin1");
    block.write(`${length.toString(8).padStart(11, "0")}\0`, start + index * 24 + 12, "latin1");
  }
}

test("old GNU sparse headers that continue over several blocks are read", async () => {
  await expectFile(
    Buffer.concat([oldGnuHeader(extents, 20, 6), padded("AAAABB")]),
    expected,
    extents,
  );
  const many = Array.from({ length: 30 }, (_, i) => ({ offset: i * 2, length: 1 }));
  const blocks = [Buffer.alloc(512), Buffer.alloc(512)] as const;
  writePairs(blocks[0], 0, many.slice(4, 25));
  blocks[0][504] = 1;
  writePairs(blocks[1], 0, many.slice(25));
  const archive = Buffer.concat([
    oldGnuHeader(many.slice(0, 4), 60, 30, 1),
    ...blocks,
    padded("x".repeat(30)),
  ]);
  await expectFile(archive, Buffer.from("x\0".repeat(30)), many);
});

test("old GNU sparse headers with false values are refused", async () => {
  await refused(/hold 6 bytes/, oldGnuHeader(extents, 20, 7), padded("AAAABBB"));
  await refused(/goes beyond the size/, oldGnuHeader(extents, 11, 6), padded("AAAABB"));
  await refused(/an empty block/, oldGnuHeader(extents, 20, 6, 1), Buffer.alloc(512));
  await refused(/outside GNU tar/, rawHeader({ name: "disk", type: "S" }));
  const broken = rawHeader({
    name: "disk",
    type: "S",
    magic: "ustar  \0",
    patch: (header) => {
      header.write("zzzzzzzzzzz\0", 386, "latin1");
      header.write("00000000024\0", 483, "latin1");
    },
  });
  await refused(/bad number/, broken);
});

test("a size in a record of star that differs from the entry is refused", async () => {
  await refused(/SCHILY.realsize/, entry([["SCHILY.realsize", "20"]], "AAAABB"));
  const [file] = await readAll(oneChunk(entry([["SCHILY.realsize", "6"]], "AAAABB"), endMarker));
  assert.equal(file?.bytes.toString(), "AAAABB");
});

test("offsets beyond 4 GiB and 8 GiB, and sizes up to 2^53 - 1, are read", async () => {
  const map = `[{"o":${2 ** 32 + 1},"l":3},{"o":${2 ** 43},"l":3}]`;
  const archive = entry(cocoon(map, String(Number.MAX_SAFE_INTEGER)), "abcdef");
  const pieces: [number, string][] = [];
  for await (const file of readTar(oneChunk(archive, endMarker))) {
    assert.equal(file.sizeBytes, Number.MAX_SAFE_INTEGER);
    for await (const { offset, chunk } of file.pieces()) {
      pieces.push([offset, Buffer.from(chunk.bytes).toString()]);
    }
  }
  assert.deepEqual(pieces, [
    [2 ** 32 + 1, "abc"],
    [2 ** 43, "def"],
  ]);
});
