// Tests the configuration in a support bundle. A daemon that reads it gets the same values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadDaemonConfig } from "../../../src/config/load.js";
import type { RawValue } from "../../../src/config/option.js";
import { shownConfig } from "../../../src/config/shown-config.js";

function flagsOf(options: Readonly<Record<string, RawValue>>): Record<string, RawValue> {
  const entries = Object.entries(options).filter(([, value]) => !String(value).startsWith("<"));
  return Object.fromEntries(entries.map(([key, value]) => [key.replaceAll("_", "-"), value]));
}

test("every option is shown in the syntax in which it can be set", () => {
  const sets: readonly Record<string, RawValue>[] = [
    {},
    {
      ...{ root: "/srv/s", listen: "[::1]:7420", "admin-listen": "127.0.0.1:0", tokens: "/t" },
      ...{ "socket-mode": "0660", "allowed-directories": ["/a", "/b"], "stream-window": "100KiB" },
      ...{ "stream-idle": "90s", "max-store": "1500B", "gc-interval": "36h", "gc-keep-last": 3 },
      ...{ "plaintext-network": true, "access-log": "all", "data-group": "kvm" },
    },
    { socket: "none", listen: "127.0.0.1:1", "unauthenticated-tcp": "this-machine" },
    { "allowed-directories": "none", "admin-listen": "unix:/run/a.sock" },
  ];
  for (const flags of sets) {
    const { config } = loadDaemonConfig({ flags });
    const { options } = shownConfig(config);
    assert.deepEqual(loadDaemonConfig({ flags: flagsOf(options) }).config, config);
  }
});

test("only the origin of a collector's address is shown", () => {
  const shown = (url: string): unknown => {
    const { config } = loadDaemonConfig({ flags: { "otlp-endpoint": url } });
    return shownConfig(config).options["otlp_endpoint"];
  };
  assert.equal(shown("http://127.0.0.1:4318"), "http://127.0.0.1:4318");
  assert.equal(shown("https://u:p@c.example/key?x=y"), "https://c.example/<hidden>");
  assert.equal(shown("no-url-but-secret"), "<not a URL>");
  assert.equal(shown(""), "");
});
