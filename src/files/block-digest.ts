// The digests of blocks: BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), which takes less than half the time of
// SHA-256 on a processor with instructions for that, and far less on others. Snapshots that were stored before it
// was used here keep their SHA-256 (FIPS 180-4): nothing but their block tables tells the difference.
import { createHash, type Hash } from "node:crypto";
import { Blake3Hasher, blake3 } from "@napi-rs/blake-hash";

export type DigestAlgorithm = "blake3" | "sha256";

/** Bytes of a digest of either. */
export const digestBytes = 32;
/** What is hashed now, is hashed with this. */
export const currentAlgorithm: DigestAlgorithm = "blake3";
export const algorithms: readonly DigestAlgorithm[] = ["blake3", "sha256"];

export function digestOf(algorithm: DigestAlgorithm, bytes: Uint8Array): Buffer {
  if (algorithm === "blake3") return blake3(asBuffer(bytes));
  return createHash("sha256").update(bytes).digest();
}

/** The package wants this class; a view, not a copy. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** One digest after the other. */
export interface BlockDigest {
  update(bytes: Uint8Array): void;
  /** The digest of all bytes since it was made or this was called last. */
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
