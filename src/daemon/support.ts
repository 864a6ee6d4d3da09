// Collects the information of a support bundle about this daemon: its configuration and its log,
// without credentials.
import type { SupportParts } from "../admin/support.js";
import { linesWithoutSecrets, secretsIn } from "../base/hide-secrets.js";
import type { RecentLog } from "../base/recent-log.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { shownConfig } from "../config/shown-config.js";

/**
 * Matches the variables that change what the daemon does. A bundle shows their names, but not their
 * values.
 */
const relevantVariable = /^(STASIS|OTEL|NODE|UV)_/;

export function supportParts(
  config: DaemonConfig,
  recentLog: RecentLog | undefined,
  env: NodeJS.ProcessEnv,
): SupportParts {
  const secrets = secretsIn({ ...env, STASIS_OTLP_ENDPOINT: config.otlpEndpoint });
  return {
    config: () => ({
      ...shownConfig(config),
      environment: Object.keys(env)
        .filter((name) => relevantVariable.test(name))
        .sort(),
    }),
    recentLog: () => linesWithoutSecrets(recentLog?.text() ?? "", secrets),
    gcPolicy: gcPolicyOf(config),
  };
}

function gcPolicyOf({ gcKeepLast, gcMaxAgeMs, gcMaxBytes, gcGroupByLabel }: DaemonConfig) {
  const seconds = BigInt(Math.floor(gcMaxAgeMs / 1000));
  return {
    keepLast: gcKeepLast,
    maxTotalBytes: BigInt(gcMaxBytes),
    groupByLabel: gcGroupByLabel,
    ...(gcMaxAgeMs === 0 ? {} : { maxAge: { seconds, nanos: (gcMaxAgeMs % 1000) * 1e6 } }),
  };
}
