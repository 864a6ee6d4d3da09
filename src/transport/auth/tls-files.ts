// Reads the server's certificate, its key and the authority of client certificates from files, and
// reads them again when the files change.
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { X509Certificate, constants } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { StoreError, messageOf } from "../../base/errors.js";
import { denialHint, errnoMetadata } from "../../base/owner.js";
import type { Logger } from "../../base/logger.js";

interface TlsPaths {
  /** Path of a PEM file with the server's certificate first, then the intermediate certificates. */
  readonly certificate: string;
  /** Path of a PEM file without a passphrase. */
  readonly key: string;
  /**
   * Path of a PEM file with the authority of client certificates. If it is undefined, the server
   * requests no client certificate.
   */
  readonly clientAuthority: string | undefined;
}

interface TlsContext {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

export interface TlsFiles extends Disposable {
  /** Returns the contents of the last files that were read and belong together. */
  context(): TlsContext;
  /** Calls `listener` after each change, for later connections. `listener` must not throw. */
  onChange(listener: (context: TlsContext) => void): void;
  /** Reads the files now. If they cannot be used, throws FIELD_INVALID and keeps the old ones. */
  reload(): void;
}

/** Interval of the checks whether a file has changed. */
const pollIntervalMs = 1000;

/**
 * Opens the files. Throws FIELD_INVALID if a file cannot be read or used, or if key and certificate
 * do not belong together.
 */
export function openTlsFiles(paths: TlsPaths, logger: Logger): TlsFiles {
  let context = readContext(paths);
  const listeners: ((context: TlsContext) => void)[] = [];
  const reload = (): void => {
    context = readContext(paths);
    for (const listener of listeners) listener(context);
  };
  const changed = (): void => {
    try {
      reload();
      logger.info({ certificate: paths.certificate }, "TLS files read again");
    } catch (error) {
      // The files are replaced one after the other. In between, key and certificate do not match.
      logger.warn({ err: error }, "the TLS files have changed and do not match: the old ones stay");
    }
  };
  const watched = [paths.certificate, paths.key, paths.clientAuthority ?? []].flat();
  // Polling by path notices a replaced file and a replaced symbolic link alike.
  for (const path of watched)
    watchFile(path, { interval: pollIntervalMs, persistent: false }, changed);
  return {
    context: () => context,
    onChange: (listener) => void listeners.push(listener),
    reload,
    [Symbol.dispose]() {
      for (const path of watched) unwatchFile(path, changed);
    },
  };
}

/**
 * Returns the TLS options. They accept TLS 1.2 and later. Sessions are not resumed, so that each
 * handshake uses the current files.
 */
export function secureOptions({ cert, key, ca }: TlsContext): SecureContextOptions {
  const authority = ca === undefined ? {} : { ca };
  const noTickets = constants.SSL_OP_NO_TICKET;
  return { cert, key, ...authority, minVersion: "TLSv1.2", secureOptions: noTickets };
}

function readContext({ certificate, key, clientAuthority }: TlsPaths): TlsContext {
  const context = {
    cert: readPem("server_cert", certificate),
    key: readPem("server_key", key),
    ...(clientAuthority === undefined ? {} : { ca: readAuthority(clientAuthority) }),
  };
  try {
    createSecureContext(secureOptions(context));
  } catch (cause) {
    const files = [certificate, key, clientAuthority].filter((path) => path !== undefined);
    throw new StoreError(
      "FIELD_INVALID",
      `server_cert: ${files.join(", ")} cannot be used for TLS: ${messageOf(cause)}`,
      {
        hint: "They have to be PEM, and the key that of the first certificate",
        fields: [{ field: "server_cert", description: "expected a certificate and its key" }],
        cause,
      },
    );
  }
  return context;
}

/**
 * Reads the authority. OpenSSL ignores parts that it cannot read. Without a check of each
 * certificate, a half-written file would be accepted and lock all clients out.
 */
function readAuthority(path: string): Buffer {
  const pem = readPem("client_ca", path);
  const pieces = pem.toString("latin1").split("-----BEGIN ").slice(1);
  const certificates = pieces.filter((piece) => /^[A-Z0-9 ]*CERTIFICATE-----/.test(piece));
  try {
    if (certificates.length === 0) throw new Error("there is no certificate in it");
    for (const piece of certificates) new X509Certificate(`-----BEGIN ${piece}`);
  } catch (cause) {
    throw new StoreError(
      "FIELD_INVALID",
      `client_ca: ${path} cannot be used: ${messageOf(cause)}`,
      {
        hint: "It has to be PEM, one whole certificate after the other",
        fields: [{ field: "client_ca", description: "expected certificates of authorities" }],
        cause,
      },
    );
  }
  return pem;
}

function readPem(field: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const hint = denialHint(cause, path, "read");
    throw new StoreError("FIELD_INVALID", `${field}: ${path} cannot be read: ${messageOf(cause)}`, {
      fields: [{ field, description: "expected a readable file" }],
      metadata: errnoMetadata(cause),
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
