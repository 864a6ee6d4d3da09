// Defines the notation of digests, which the wire, the envelope and the manifest share.

/** Matches a digest that is known. An empty string stands for a digest that is not known yet. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;
