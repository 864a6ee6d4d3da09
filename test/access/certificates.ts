// Makes certificates for a test with openssl: an authority, and the certificates that it signs.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const limitMs = 30_000;

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends CertificateFiles {
  /**
   * Signs a certificate. `names` has openssl's notation of alternative names, for example
   * `DNS:ci,URI:spiffe://ci`.
   */
  issue(
    name: string,
    options?: { readonly names?: string; readonly days?: number },
  ): Promise<CertificateFiles>;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export async function makeAuthority(directory: string, name: string): Promise<Authority> {
  const cert = join(directory, `${name}.pem`);
  const key = join(directory, `${name}.key`);
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    key,
    "-out",
    cert,
    "-days",
    "2",
    "-subj",
    `/CN=${name}`,
  );
  return {
    cert,
    key,
    issue: (subject, options) => issue(directory, { cert, key }, subject, options),
  };
}

let serial = 0;

async function issue(
  directory: string,
  authority: CertificateFiles,
  name: string,
  { names, days = 1 }: { readonly names?: string; readonly days?: number } = {},
): Promise<CertificateFiles> {
  const base = join(directory, `${name}-${++serial}`);
  const [key, request, cert, extensions] = ["key", "csr", "pem", "ext"].map(
    (end) => `${base}.${end}`,
  ) as [string, string, string, string];
  await openssl("req", ...newKey, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
  await writeFile(extensions, names === undefined ? "" : `subjectAltName=${names}\n`);
  const signing = ["-CA", authority.cert, "-CAkey", authority.key, "-CAcreateserial"];
  await openssl(
    "x509",
    "-req",
    "-in",
    request,
    "-out",
    cert,
    ...signing,
    "-days",
    String(days),
    "-extfile",
    extensions,
  );
  return { cert, key };
}

async function openssl(...args: string[]): Promise<void> {
  await run("openssl", args, { timeout: limitMs });
}
