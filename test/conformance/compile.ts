// Compiles a scenario to bytes. Each body becomes pieces of base64 and runs of zeros, and each
// commit becomes its total and its CRC-32. Runners need no knowledge of tar.
import { crc32 } from "node:zlib";
import type { JsonValue } from "@bufbuild/protobuf";
import { encodeTarHeader } from "../../src/archive/tar-header.js";

export type Json = JsonValue;

interface TarEntry {
  readonly name: string;
  /** The content is this text, repeated `times` times. */
  readonly text?: string;
  readonly times?: number;
  /** The content is this many zeros. */
  readonly zeros?: number;
  /** The content is a file of this size with texts at these offsets and holes elsewhere. */
  readonly size?: number;
  readonly segments?: readonly (readonly [number, string])[];
}

interface BodyPlan {
  readonly tar?: readonly TarEntry[];
  /** True if the tar archive lacks its end marker. */
  readonly unended?: boolean;
  readonly text?: string;
  readonly times?: number;
}

type Step = Readonly<Record<string, Json>>;

export interface Case {
  readonly case: string;
  /** If this is set, the case runs only on this transport. */
  readonly only?: string;
  readonly steps: readonly Step[];
}

export interface Scenario {
  readonly bodies: Readonly<Record<string, BodyPlan>>;
  /** The reasons that no step provokes, each with the explanation. */
  readonly unprovoked: Readonly<Record<string, string>>;
  /** Cases that a runner must report as failed. */
  readonly canaries: readonly Case[];
  readonly cases: readonly Case[];
}

type Piece = Buffer | { readonly zeros: number };

const blockBytes = 512;

/** Returns the cases in the form that runners read. */
export function compileCases({ bodies, cases }: Scenario): readonly Case[] {
  const made = new Map<string, { body: Json; commit: Json }>();
  const bodyOf = (name: string) => {
    const plan = bodies[name];
    if (plan === undefined) throw new Error(`the scenario has no body "${name}"`);
    const found = made.get(name) ?? compileBody(plan);
    made.set(name, found);
    return found;
  };
  const walk = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    const fields = Object.entries(value).map(([key, each]): [string, Json] => {
      if (key === "body" && typeof each === "string") return [key, bodyOf(each).body];
      if (key === "commit" && typeof each === "string") return [key, bodyOf(each).commit];
      return [key, walk(each)];
    });
    return Object.fromEntries(fields);
  };
  return cases.map((each) => ({ ...each, steps: each.steps.map((step) => walk(step) as Step) }));
}

function compileBody(plan: BodyPlan): { body: Json; commit: Json } {
  const pieces = plan.tar === undefined ? [textOf(plan)] : tarPieces(plan.tar, plan.unended);
  let totalBytes = 0;
  let sum = 0;
  for (const piece of pieces) {
    for (const bytes of bytesOf(piece)) {
      totalBytes += bytes.length;
      sum = crc32(bytes, sum);
    }
  }
  return {
    body: pieces.map((piece) =>
      Buffer.isBuffer(piece) ? { base64: piece.toString("base64") } : { zeros: piece.zeros },
    ),
    commit: { totalBytes: String(totalBytes), crc32: sum },
  };
}

function textOf({ text = "", times = 1 }: { text?: string; times?: number }): Buffer {
  return Buffer.from(text.repeat(times));
}

function* bytesOf(piece: Piece): Generator<Buffer> {
  if (Buffer.isBuffer(piece)) {
    yield piece;
    return;
  }
  const block = Buffer.alloc(Math.min(piece.zeros, 1024 * 1024));
  for (let left = piece.zeros; left > 0; left -= block.length) {
    yield block.subarray(0, Math.min(left, block.length));
  }
}

function tarPieces(entries: readonly TarEntry[], unended = false): Piece[] {
  const pieces = entries.flatMap((entry): Piece[] => {
    if (entry.segments !== undefined)
      return sparsePieces(entry.name, entry.size ?? 0, entry.segments);
    const zeros = entry.zeros ?? 0;
    if (zeros > 0) return [header(entry.name, zeros), { zeros }, padding(zeros)];
    const content = textOf(entry);
    return [header(entry.name, content.length), content, padding(content.length)];
  });
  if (!unended) pieces.push(Buffer.alloc(2 * blockBytes));
  return joined(pieces);
}

/** Returns the entry of a sparse file: the two records of docs/formats.md, and then its data. */
function sparsePieces(
  name: string,
  size: number,
  segments: readonly (readonly [number, string])[],
): Piece[] {
  const map = segments.map(([o, text]) => ({ o, l: Buffer.byteLength(text) }));
  const records = [
    paxRecord("COCOON.sparse.map", JSON.stringify(map)),
    paxRecord("COCOON.sparse.size", String(size)),
  ].join("");
  const data = Buffer.from(segments.map(([, text]) => text).join(""));
  return [
    ...[header(`PaxHeaders/${name}`, records.length, "x"), Buffer.from(records)],
    ...[padding(records.length), header(name, data.length), data, padding(data.length)],
  ];
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return `${length}${rest}`;
}

function header(name: string, sizeBytes: number, type: "0" | "x" = "0"): Buffer {
  return Buffer.from(encodeTarHeader({ name, mode: 0o644, sizeBytes, modifiedSeconds: 0, type }));
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** Joins adjacent bytes to one piece. */
function joined(pieces: readonly Piece[]): Piece[] {
  const whole: Piece[] = [];
  for (const piece of pieces) {
    const last = whole.at(-1);
    if (Buffer.isBuffer(piece) && Buffer.isBuffer(last)) {
      whole[whole.length - 1] = Buffer.concat([last, piece]);
    } else whole.push(piece);
  }
  return whole;
}
