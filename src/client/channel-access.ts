// Configures how a client authenticates itself and the daemon: TLS, client certificate and token.
import { createSecureContext } from "node:tls";
import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { StoreError, fieldInvalid, messageOf } from "../base/errors.js";
import type { Address } from "./address.js";

/** All values are PEM. */
export interface TlsOptions {
  /**
   * Certificate authorities that may have signed the daemon's certificate. Default: the authorities
   * that Node trusts.
   */
  readonly ca?: string | Uint8Array;
  /**
   * The client's certificate, for daemons that identify clients by certificate. Set `cert` and
   * `key` together, or neither.
   */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the daemon's certificate must have. Default: the host of the address. */
  readonly serverName?: string;
}

export interface ChannelAccess {
  readonly channel: ChannelCredentials;
  /** True if the channel uses TLS. */
  readonly secure: boolean;
  readonly options: ChannelOptions;
  readonly token: (() => string) | undefined;
}

/**
 * Returns the settings of a channel. Throws FIELD_INVALID if the options are invalid or contradict
 * the address.
 */
export function channelAccess(
  address: Address,
  { tls, token }: { readonly tls?: TlsOptions | true; readonly token?: string | (() => string) },
): ChannelAccess {
  if (token !== undefined && tls === undefined && !address.local) {
    const hint = "Use TLS (--tls-ca, or --tls), so that nobody on the way can take it";
    throw fieldInvalid("token", "TLS, or a daemon on this machine", address.text, hint);
  }
  const given = tls === true ? {} : tls;
  return {
    channel: given === undefined ? credentials.createInsecure() : secureChannel(given),
    secure: given !== undefined,
    options:
      given?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": given.serverName },
    token: token === undefined ? undefined : () => checkToken(token),
  };
}

function secureChannel({ ca, cert, key }: TlsOptions): ChannelCredentials {
  if ((cert === undefined) !== (key === undefined)) {
    throw fieldInvalid("tls", "a certificate and its key", cert === undefined ? "a key" : "no key");
  }
  const options = {
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    minVersion: "TLSv1.2" as const,
  };
  try {
    return credentials.createFromSecureContext(createSecureContext(options));
  } catch (cause) {
    const why = messageOf(cause);
    throw new StoreError(
      "FIELD_INVALID",
      `tls: the certificate, key or authority is invalid: ${why}`,
      {
        hint: "They have to be PEM, and the key that of the certificate",
        fields: [{ field: "tls", description: "expected PEM files that belong together" }],
        cause,
      },
    );
  }
}

/**
 * Returns the token. Throws FIELD_INVALID unless it has 1 to 1024 printable characters, because a
 * line end would break the header. No message contains the token itself.
 */
function checkToken(token: string | (() => string)): string {
  const text = (typeof token === "string" ? token : token()).trim();
  if (/^[\x21-\x7e]{1,1024}$/.test(text)) return text;
  throw fieldInvalid("token", "1 to 1024 printable characters without spaces", `${text.length}`);
}
