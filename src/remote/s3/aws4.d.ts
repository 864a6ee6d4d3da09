// Declares the part of `aws4` that sign.ts uses. The package has no types.
declare module "aws4" {
  interface SignableRequest {
    readonly service: "s3";
    readonly region: string;
    readonly method: string;
    /** Path and query, percent-encoded. */
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    /** Whether to put the signature into the query instead of a header. */
    readonly signQuery?: boolean;
    /** Headers, in lower case, that are signed although signing them is optional. */
    readonly extraHeadersToInclude?: Readonly<Record<string, boolean>>;
  }

  interface SigningCredentials {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  }

  interface SignedRequest {
    readonly path: string;
    readonly headers: Record<string, string>;
  }

  const aws4: {
    sign(request: SignableRequest, credentials: SigningCredentials): SignedRequest;
  };
  export = aws4;
}
