// Parses the tables [[peers]] of the configuration file, which contain other nodes by name, with
// the credentials to present to them.
import { resolve } from "node:path";
import { z } from "zod";
import { fieldInvalid } from "../base/errors.js";
import { isLoopbackHost, splitHostPort } from "../base/host-port.js";

/** The key of the tables in the file. */
export const peersKey = "peers";

export interface ConfiguredPeer {
  readonly name: string;
  /** The address, `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** Undefined if the connection uses plain text. */
  readonly tls: PeerTls | undefined;
  /**
   * The path of a file with the bearer token for this peer. Undefined if the node sends no token.
   */
  readonly tokenFile: string | undefined;
}

/**
 * The paths of PEM files, and the name that the peer's certificate must have. `peerSchema`
 * describes the default of each member that is undefined.
 */
export interface PeerTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
}

const path = z
  .string()
  .regex(/^[^\0]+$/)
  .transform((text) => resolve(text))
  .optional();

/** The descriptions are texts of errors and also rows of the README's table. */
const peerSchema = z.strictObject({
  // The name must not contain a colon, because a text with a colon is an address.
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
    .describe("Name for pull and push: 1 to 63 characters of A-Z a-z 0-9 . _ -"),
  address: z.string().refine(isAddress).describe("Its address: HOST:PORT or unix:PATH"),
  tls: z
    .boolean()
    .optional()
    .describe("TLS: true or false. Default: true if one of the next four is set"),
  ca: path.describe(
    "PEM file: certificate authorities for its certificate. Default: those of this machine",
  ),
  cert: path.describe("PEM file: the certificate that this node presents. Needs `key`"),
  key: path.describe("PEM file: the key of `cert`"),
  server_name: z
    .string()
    .min(1)
    .optional()
    .describe("The name that its certificate must have. Default: the host of `address`"),
  token_file: path.describe(
    "File with the token that this node presents. Needs TLS, or a peer on this machine",
  ),
});

/** The keys with their descriptions, for the README. */
export const peerKeys: readonly { readonly key: string; readonly doc: string }[] = Object.entries(
  peerSchema.shape,
).map(([key, schema]) => ({ key, doc: schema.description ?? "" }));

/** Parses the tables. Throws FIELD_INVALID, which names the index of the table, counted from 0. */
export function parsePeers(value: unknown, file: string): readonly ConfiguredPeer[] {
  if (!Array.isArray(value)) {
    throw fieldInvalid(peersKey, "tables [[peers]]", typeof value, `File ${file}`);
  }
  const names = new Set<string>();
  return value.map((entry, index) => {
    const field = `${peersKey}[${index}]`;
    const parsed = peerSchema.safeParse(entry);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const key = String(issue?.path[0] ?? "");
      const known = peerKeys.find((one) => one.key === key);
      const expected = known?.doc ?? `${peerKeys.map((one) => one.key).join(", ")} as keys`;
      const where = key === "" ? field : `${field}.${key}`;
      throw fieldInvalid(where, expected, issue?.message, `File ${file}`);
    }
    const peer = peerOf(parsed.data, field);
    if (names.has(peer.name)) {
      throw fieldInvalid(`${field}.name`, "a unique name for each peer", peer.name, `File ${file}`);
    }
    names.add(peer.name);
    return peer;
  });
}

function peerOf(entry: z.infer<typeof peerSchema>, field: string): ConfiguredPeer {
  const { name, address, ca, cert, key, server_name: serverName, token_file: tokenFile } = entry;
  if ((cert === undefined) !== (key === undefined)) {
    const [missing, other] = cert === undefined ? ["cert", "key"] : ["key", "cert"];
    throw fieldInvalid(`${field}.${missing}`, `a file, since ${other} is set`, "nothing");
  }
  const files = [ca, cert, key, serverName].some((given) => given !== undefined);
  if (entry.tls === false && files) {
    throw fieldInvalid(`${field}.tls`, "true, because files for it are set", false);
  }
  const tls = entry.tls ?? files;
  if (tokenFile !== undefined && !tls && !isLocal(address)) {
    const hint = "In plain text everybody on the way could take the token";
    throw fieldInvalid(`${field}.tls`, "true, because token_file is set", false, hint);
  }
  return { name, address, tls: tls ? { ca, cert, key, serverName } : undefined, tokenFile };
}

const socketScheme = "unix:";

function isAddress(text: string): boolean {
  if (text.startsWith(socketScheme)) return text.length > socketScheme.length;
  const parts = splitHostPort(text);
  return parts !== undefined && parts.port > 0;
}

function isLocal(address: string): boolean {
  return address.startsWith(socketScheme) || isLoopbackHost(splitHostPort(address)?.host ?? "");
}
