// Defines the notation of digests, which the wire, the envelope and the manifest share.

/** The digest of known content. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;
