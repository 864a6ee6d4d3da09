// Encrypts the objects of a remote with AES-256-GCM (NIST SP 800-38D) and a random nonce. The packs
// of a push share one key. Every map and every JSON object has a key of its own. HKDF (RFC 5869)
// with SHA-256 makes such a key from the repository key and from the id of the push, the id of the
// map's snapshot, or the key of the JSON object. A sealed piece consists of the nonce, the
// ciphertext and the tag.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

export const keyBytes = 32;
const cipher = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
/** The number of bytes by which a piece grows when it is sealed. */
export const sealedOverhead = nonceBytes + tagBytes;

/** A repository key with its id. Packs and maps name the key that they need. */
export interface RepositoryKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/**
 * Seals the pieces of one object. `context` says which piece it is, and must be the same for
 * sealing and opening.
 */
export interface Seal {
  /** Id of the repository key. Undefined if the object is not encrypted. */
  readonly keyId: string | undefined;
  seal(bytes: Uint8Array, context: string): Uint8Array;
  /** Returns the piece that was sealed. Undefined if `bytes` is not that piece. */
  open(bytes: Uint8Array, context: string): Uint8Array | undefined;
}

/** Leaves all pieces as they are. */
export const noSeal: Seal = {
  keyId: undefined,
  seal: (bytes) => bytes,
  open: (bytes) => bytes,
};

/**
 * Returns the seal. `object` is the id of the push for packs, the id of the snapshot for a map, and
 * the key of the object for JSON.
 */
export function sealWith(key: RepositoryKey, object: string): Seal {
  const info = `stasis-remote-v1 ${object}`;
  const secret = Buffer.from(hkdfSync("sha256", key.secret, new Uint8Array(), info, keyBytes));
  return {
    keyId: key.id,
    seal: (bytes, context) => {
      const nonce = randomBytes(nonceBytes);
      const sealing = createCipheriv(cipher, secret, nonce).setAAD(Buffer.from(context));
      const text = [sealing.update(bytes), sealing.final()];
      return Buffer.concat([nonce, ...text, sealing.getAuthTag()]);
    },
    open: (bytes, context) => {
      const end = bytes.length - tagBytes;
      if (end < nonceBytes) return undefined;
      try {
        const opening = createDecipheriv(cipher, secret, bytes.subarray(0, nonceBytes));
        opening.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(end));
        return Buffer.concat([opening.update(bytes.subarray(nonceBytes, end)), opening.final()]);
      } catch {
        return undefined;
      }
    },
  };
}
