// Signs requests with AWS Signature Version 4, in a header.
import aws4 from "aws4";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only temporary credentials have one. */
  readonly sessionToken?: string;
}

/** SHA-256 of no bytes: the payload of every request but PUT. */
export const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/** Replaces the payload's SHA-256 if the signature does not cover the payload. */
export const unsignedPayload = "UNSIGNED-PAYLOAD";

interface UnsignedRequest {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
  /** Names in lower case, with `host` and `x-amz-content-sha256`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The time of signatures has no fractions of a second, so many requests share one text. */
let dated: { readonly second: number; readonly text: string } | undefined;

function signingDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (dated?.second !== second) {
    const text = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "");
    dated = { second, text };
  }
  return dated.text;
}

/**
 * Headers that are signed too, because changing one on the way would change the meaning of the
 * request.
 */
const alsoSigned = { range: true } as const;

/** Returns the headers to send. Without credentials, the request is anonymous. */
export function signedHeaders(
  { method, path, headers: given }: UnsignedRequest,
  region: string,
  credentials: Credentials | undefined,
): Readonly<Record<string, string>> {
  if (credentials === undefined) return given;
  const headers = { ...given, "x-amz-date": signingDate() };
  return aws4.sign(
    { service: "s3", region, method, path, headers, extraHeadersToInclude: alsoSigned },
    credentials,
  ).headers;
}
