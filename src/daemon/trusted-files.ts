// Warns about files that other users can change, and about secret files that every user can read. A
// user who can write to the token file is an operator.
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { trustProblems } from "../config/file-trust.js";

export function warnOfUntrustedFiles(config: DaemonConfig, logger: Logger): void {
  for (const file of believedFiles(config)) warnIfUntrusted(file, logger);
}

export function warnIfUntrusted(
  { option, path, secret = false }: BelievedFile,
  logger: Logger,
): void {
  const problems = trustProblems(path, { secret });
  if (problems.length === 0) return;
  const fix = "let only root or the daemon's user write to it and to the directories above it";
  logger.warn({ option, path, problems, fix }, `the file of ${option} is not safe from others`);
}

interface BelievedFile {
  /** The option that names the file. */
  readonly option: string;
  readonly path: string;
  /** True if other users must not read the file either. */
  readonly secret?: boolean;
}

function believedFiles(config: DaemonConfig): BelievedFile[] {
  const file = (option: string, path: string | undefined, secret = false): BelievedFile[] =>
    path === undefined ? [] : [{ option, path, secret }];
  return [
    ...file("config", config.configFile),
    ...file("tokens", config.tokens),
    ...file("server_cert", config.serverCert),
    ...file("server_key", config.serverKey, true),
    ...file("client_ca", config.clientCa),
    ...config.peers.flatMap(({ name, tls, tokenFile }) => [
      ...file(`peers.${name}.ca`, tls?.ca),
      ...file(`peers.${name}.cert`, tls?.cert),
      ...file(`peers.${name}.key`, tls?.key, true),
      ...file(`peers.${name}.token_file`, tokenFile, true),
    ]),
    ...config.remotes.flatMap(({ name, ca, credentialsFile, encryptionKeyFile }) => [
      ...file(`remotes.${name}.ca`, ca),
      ...file(`remotes.${name}.credentials_file`, credentialsFile, true),
      ...file(`remotes.${name}.encryption_key_file`, encryptionKeyFile, true),
    ]),
  ];
}
