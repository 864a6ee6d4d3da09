// Makes archives with sparse maps that would shift a disk, damage it, or use unbounded memory.
import { padded, rawHeader } from "../unit/archive/support.js";
import { archiveOf, goodFile, refused, withPax, type HostileCase } from "./hostile-case.js";

/** Makes a file with the map in cocoon's notation. The body is "data", which is 4 bytes long. */
function cocoon(map: string, size: string | undefined = "100"): Buffer {
  const sizeRecord = [["COCOON.sparse.size", size]] as const;
  return withPax([["COCOON.sparse.map", map], ...sizeRecord]);
}

const badMaps: readonly (readonly [what: string, map: string, size?: string])[] = [
  ["overlaps", '[{"o":0,"l":3},{"o":2,"l":1}]'],
  ["goes backwards", '[{"o":50,"l":2},{"o":0,"l":2}]'],
  ["passes the end", '[{"o":98,"l":4}]'],
  ["passes 2^53", '[{"o":9007199254740991,"l":4}]', "9007199254740991"],
  ["sums to less", '[{"o":0,"l":3}]'],
  ["sums to more", '[{"o":0,"l":5}]'],
  ["holds a negative length", '[{"o":0,"l":-4},{"o":4,"l":8}]'],
  ["holds a negative offset", '[{"o":-1,"l":4}]'],
  ["holds a fraction", '[{"o":0.5,"l":4}]'],
  ["holds 1e309", '[{"o":0,"l":1e309}]'],
  ["holds text", '[{"o":"0","l":"4"}]'],
  ["holds null", "[null]"],
  ["holds __proto__", '[{"__proto__":{"o":0,"l":4}}]'],
  ["is an object", '{"o":0,"l":4}'],
  ["is not JSON", "[{o:0,l:4}]"],
  ["nests 400,000 brackets", "[".repeat(400_000)],
  ["gives a size of 1e309", '[{"o":0,"l":4}]', "1e309"],
  ["gives a negative size", '[{"o":0,"l":4}]', "-1"],
  ["gives an empty size", '[{"o":0,"l":4}]', ""],
  ["gives no number as size", '[{"o":0,"l":4}]', "NaN"],
];

function gnu10(map: string, realSize = "100"): Buffer {
  const body = Buffer.concat([padded(map), Buffer.from("data")]);
  return withPax(
    [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "disk"],
      ["GNU.sparse.realsize", realSize],
    ],
    body.toString("latin1"),
  );
}

function gnu01(blocks: string, map: string): Buffer {
  return withPax([
    ["GNU.sparse.size", "100"],
    ["GNU.sparse.numblocks", blocks],
    ["GNU.sparse.map", map],
  ]);
}

/** Makes an old GNU header that announces map blocks, followed by blocks without segments. */
function oldGnuEmptyBlocks(): Buffer {
  const patch = (header: Buffer): void => {
    header.write("00000000000\x0000000000004\0", 386, "latin1");
    header[482] = 1;
    header.write("00000000144\0", 483, "latin1");
  };
  const more = Buffer.alloc(512);
  more[504] = 1;
  const header = rawHeader({ name: "disk", type: "S", size: 4, magic: "ustar  \0", patch });
  return archiveOf(goodFile, header, more, more, more, padded("data"));
}

export const sparseCases: readonly HostileCase[] = [
  ...badMaps.map(([what, map, size]) => refused(`sparse map ${what}`, () => cocoon(map, size))),
  refused("sparse map without a size", () => withPax([["COCOON.sparse.map", '[{"o":0,"l":4}]']])),
  refused("sparse size without a map", () => withPax([["COCOON.sparse.size", "100"]])),
  refused("sparse maps in two notations", () =>
    withPax([
      ["COCOON.sparse.map", '[{"o":0,"l":4}]'],
      ["COCOON.sparse.size", "100"],
      ["GNU.sparse.size", "100"],
    ]),
  ),
  refused("GNU 1.0 map announces millions", () => gnu10("5000000\n0\n4\n"), "LIMIT_EXCEEDED"),
  refused("GNU 1.0 map announces more than follows", () => gnu10("900000\n0\n4\n")),
  refused("GNU 1.0 map overlaps", () => gnu10("2\n0\n3\n2\n1\n")),
  refused("GNU 1.0 map passes the end", () => gnu10("1\n98\n4\n")),
  refused("GNU 1.0 map with a number of 400 digits", () => gnu10(`1\n${"9".repeat(400)}\n4\n`)),
  refused("GNU 1.0 map with a real size of 1e309", () => gnu10("1\n0\n4\n", "1e309")),
  refused("GNU 0.1 map announces millions", () => gnu01("5000000", "0,4"), "LIMIT_EXCEEDED"),
  refused("GNU 0.1 map counts wrongly", () => gnu01("2", "0,4")),
  refused("GNU 0.1 map goes backwards", () => gnu01("2", "50,2,0,2")),
  refused("old GNU map of empty blocks", oldGnuEmptyBlocks),
  refused("sparse map of 50,000 segments of nothing", () => {
    const segment = '{"o":0,"l":0}';
    return cocoon(`[${Array.from({ length: 50_000 }, () => segment).join()}]`);
  }),
];
