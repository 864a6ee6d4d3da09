// Fuzzes the sections of a map. Every accepted place lies inside a pack of the map.
import assert from "node:assert/strict";
import { decodeBases, decodePacks, decodePlaces } from "../../../src/remote/format/map.js";
import { headBytes } from "../../../src/remote/format/object-head.js";
import { parsed } from "../only-store-errors.js";

const reasons = ["REMOTE_DATA_INVALID"] as const;

/** Two bytes each give the length of the packs and of the bases. The rest are places. */
export function fuzz(data: Buffer): void {
  if (data.length < 4) return;
  const packsEnd = 4 + data.readUInt16LE(0);
  const basesEnd = packsEnd + data.readUInt16LE(2);
  const packs = parsed(reasons, () => decodePacks(data.subarray(4, packsEnd), "map"));
  if (packs === undefined) return;
  const inPack = (place: { pack: number; offset: number; bytes: number }): void => {
    assert.ok(place.offset >= headBytes && place.bytes > 0);
    assert.ok(place.offset + place.bytes <= (packs[place.pack]?.bytes ?? 0));
  };
  const section = data.subarray(packsEnd, basesEnd);
  const bases = parsed(reasons, () => decodeBases(section, packs, "map"));
  if (bases === undefined) return;
  bases.forEach(inPack);
  const rest = data.subarray(basesEnd);
  const places = parsed(reasons, () => decodePlaces(rest, packs, bases, "map"));
  for (let index = 0; index < (places?.count ?? 0); index += 1) {
    const place = places?.at(index);
    assert.ok(place !== undefined);
    inPack(place);
    if (place.encoding === "patch") assert.ok((place.base ?? -1) < bases.length);
    assert.equal(place.base === undefined, place.encoding !== "patch");
  }
}
