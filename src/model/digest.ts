// The notation of digests: what the wire, the envelope and the manifest have in common.

/** A digest of content that is known. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;
