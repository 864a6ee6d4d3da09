// Defines what a verification of a remote is given, counts and finds.
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import { isStoreError } from "../base/errors.js";
import type { RemoteReader } from "./remote-map.js";
import { isUnusable } from "./unusable.js";

export interface RemoteVerifyOptions {
  readonly level: "exists" | "footers" | "data";
  /** The share of footers and blocks to read, from 0 to 1. */
  readonly sample: number;
}

export interface RemoteVerifyCounters {
  snapshots: number;
  doneSnapshots: number;
  damagedSnapshots: number;
  /** Number of damages, also those that were not reported. */
  damages: number;
  footers: number;
  blocks: number;
  /** Number of HTTP requests. */
  requests: number;
  /** Bytes of the bodies of the answers. */
  readBytes: number;
}

/** A part of an object that is missing or damaged. */
export interface FoundDamage {
  readonly key: string;
  /** Undefined if the whole object is meant. */
  readonly offset: number | undefined;
  /** The file that needs this part. Empty if all files do. */
  readonly file: string;
  readonly block: number | undefined;
  readonly problem: string;
}

export interface RemoteDamage extends FoundDamage {
  /** Id of the snapshot at the remote. */
  readonly snapshot: string;
  /** Empty if it has no name, or if its commit object cannot be read. */
  readonly name: string;
}

export interface RemoteVerifyParts extends RemoteReader {
  readonly codec: ZstdBlockCodec | undefined;
  readonly counters: RemoteVerifyCounters;
  readonly onDamage: (damage: RemoteDamage) => void;
}

export function verifyCounters(): RemoteVerifyCounters {
  return {
    ...{ snapshots: 0, doneSnapshots: 0, damagedSnapshots: 0, damages: 0 },
    ...{ footers: 0, blocks: 0, requests: 0, readBytes: 0 },
  };
}

/** Returns the damage that an error means. Throws the error if it means none. */
export function damageOf(
  error: unknown,
  key: string,
): Pick<FoundDamage, "key" | "offset" | "problem"> {
  if (!isStoreError(error)) throw error;
  if (!isUnusable(error) && error.reason !== "FORMAT_UNSUPPORTED") throw error;
  const { message, metadata } = error;
  const offset = metadata["offset"];
  return {
    key: metadata["key"] ?? key,
    offset: offset === undefined ? undefined : Number(offset),
    problem: message,
  };
}
