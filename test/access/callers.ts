// Starts a daemon with certificates and tokens, and makes calls under any identity.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connect, type Client, type ConnectOptions } from "../../src/client/index.js";
import type { Logger } from "../../src/base/logger.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import type { RawValue } from "../../src/config/option.js";
import type { Identity } from "../../src/model/access.js";
import { makeScratch, startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { makeAuthority, type Authority, type CertificateFiles } from "./certificates.js";

export interface AccessScene extends TestDaemon {
  readonly directory: string;
  readonly authority: Authority;
  readonly tokens: string;
  /** Returns a client that is closed after the test. */
  client(address: string, options?: ConnectOptions): Client;
  /**
   * Returns TLS options that trust the daemon, with the client's own certificate if there is one.
   */
  tls(certificate?: CertificateFiles): NonNullable<ConnectOptions["tls"]>;
  newToken(identity: Identity, expiresAt?: Date): string;
}

export interface SceneOptions {
  readonly flags?: Readonly<Record<string, RawValue>>;
  /** Contains the text of the tables [[identities]]. */
  readonly identities?: string;
  readonly logger?: Logger;
}

export async function startScene(
  t: TestContext,
  { flags = {}, identities = "", logger }: SceneOptions = {},
): Promise<AccessScene> {
  const directory = await makeScratch(t, "stasis-access-");
  const authority = await makeAuthority(directory, "authority");
  const server = await authority.issue("server", { names: "DNS:localhost,IP:127.0.0.1" });
  const tokens = join(directory, "tokens.json");
  const configFile = join(directory, "stasis.toml");
  await writeFile(configFile, identities);
  const access = {
    "server-cert": server.cert,
    "server-key": server.key,
    "client-ca": authority.cert,
    tokens,
  };
  const daemon = await startTestDaemon(
    t,
    { ...access, ...flags },
    { configFile, ...(logger && { logger }) },
  );
  const clients: Client[] = [];
  t.after(() => clients.forEach((client) => client.close()));
  const pem = (path: string) => readFileSync(path);
  return {
    ...daemon,
    directory,
    authority,
    tokens,
    client: (address, options) => {
      const client = connect(address, options);
      clients.push(client);
      return client;
    },
    tls: (certificate) => ({
      ca: pem(authority.cert),
      ...(certificate && { cert: pem(certificate.cert), key: pem(certificate.key) }),
    }),
    newToken: (identity, expiresAt) => {
      const { token, record } = makeToken({ ...identity, expiresAt }, new Date());
      changeTokenFile(tokens, (records) => [...records, record]);
      return token;
    },
  };
}
