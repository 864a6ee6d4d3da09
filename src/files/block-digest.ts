// Computes the digests of blocks with BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs). BLAKE3
// takes less than half the time of SHA-256 on a processor with SHA instructions, and far less on
// others. Snapshots from before BLAKE3 was used keep their SHA-256 digests (FIPS 180-4); only their
// block tables record the algorithm.
import { createHash, type Hash } from "node:crypto";
import { Blake3Hasher, blake3 } from "@napi-rs/blake-hash";
import { asBuffer } from "../holes/zero.js";

export type DigestAlgorithm = "blake3" | "sha256";

/** Bytes of a digest; the same for both algorithms. */
export const digestBytes = 32;
/** The algorithm for all new digests. */
export const currentAlgorithm: DigestAlgorithm = "blake3";
export const algorithms: readonly DigestAlgorithm[] = ["blake3", "sha256"];

export function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): Buffer {
  if (algorithm === "blake3") return blake3(asBuffer(bytes));
  return createHash("sha256").update(bytes).digest();
}

/** Computes several digests, one after another. */
export interface BlockDigest {
  update(bytes: Uint8Array): void;
  /** Returns the digest of all bytes since the last call, or since the hasher was made. */
  take(): Buffer;
}

export function createBlockDigest(algorithm: DigestAlgorithm): BlockDigest {
  if (algorithm === "blake3") {
    const hasher = new Blake3Hasher();
    return {
      update: (bytes) => void hasher.update(asBuffer(bytes)),
      take: () => {
        const digest = hasher.digestBuffer();
        hasher.reset();
        return digest;
      },
    };
  }
  let hash: Hash = createHash("sha256");
  return {
    update: (bytes) => void hash.update(bytes),
    take: () => {
      const digest = hash.digest();
      hash = createHash("sha256");
      return digest;
    },
  };
}
