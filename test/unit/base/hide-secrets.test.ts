// Tests that credentials are hidden in texts that leave the node, and that the rest of the text is
// unchanged.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hideSecrets,
  jsonWithoutSecrets,
  linesWithoutSecrets,
  secretsIn,
} from "../../../src/base/hide-secrets.js";

const token = `stasis_0123456789ab_${"x".repeat(43)}`;

test("credentials in every form are hidden", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    [`the token ${token}.`, "the token stasis_0123456789ab_<hidden>."],
    ["GET https://u:p@h:1/a?k=v#f", "GET https://<hidden>@h:1/a?<hidden>"],
    ["http://u:p@q@h/", "http://<hidden>@h/"],
    ["peer user:word@node1:7420 refused", "peer <hidden>@node1:7420 refused"],
    ["Authorization: Bearer abc.def-ghi", "Authorization: Bearer <hidden>"],
    ['{"authorization":"Basic dXNlcjpwYXNz"}', '{"authorization":"Basic <hidden>"}'],
    ["password=hunter2, next", "password=<hidden>, next"],
    ['{\\"x-api-key\\":\\"abcdef\\"}', '{\\"x-api-key\\":\\"<hidden>\\"}'],
    ["-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY----- after", "<hidden> after"],
    ["-----BEGIN PRIVATE KEY-----\\nMHc, cut off", "<hidden>"],
  ];
  for (const [text, shown] of cases) assert.equal(hideSecrets(text), shown);
});

test("texts without credentials are unchanged", () => {
  const texts = [
    "tokens.json changed: token_file = /etc/stasis/node7.token",
    "http://127.0.0.1:4318/v1/traces and unix:/run/stasis/stasis.sock",
    '{"reason":"CREDENTIALS_INVALID","method":"stasis.v1.SnapshotService/Create"}',
    "registry:5000/vm:1.2@sha256:0123456789abcdef is the image",
    "user@example.com wrote: the bearer of this letter",
  ];
  for (const text of texts) assert.equal(hideSecrets(text), text);
});

test("known secrets are hidden everywhere, and lines of JSON remain JSON", () => {
  const secrets = secretsIn({
    OTEL_EXPORTER_OTLP_HEADERS: "a=first-value,b=Bearer%20second-value",
    OTEL_EXPORTER_OTLP_ENDPOINT:
      "https://user:the-password@h/a-long-key-in-the-path/v1?q=query-value",
    STASIS_TOKEN_FILE: "/etc/stasis/token",
    PATH: "/usr/bin",
  });
  for (const secret of ["first-value", "second-value", "the-password", "query-value"]) {
    assert.ok(secrets.includes(secret), secret);
  }
  assert.ok(secrets.includes("a-long-key-in-the-path"));
  assert.ok(!secrets.includes("/etc/stasis/token") && !secrets.includes("/usr/bin"));
  const text = `${JSON.stringify({ note: 'a "first-value"', key: "-----BEGIN PRIVATE KEY-----" })}\nplain second-value\n`;
  const shown = linesWithoutSecrets(text, secrets);
  const [first = "", second] = shown.split("\n");
  assert.deepEqual(JSON.parse(first), { note: 'a "<hidden>"', key: "<hidden>" });
  assert.equal(second, "plain <hidden>");
});

test("a field with the name of a credential is hidden completely", () => {
  const value = { password: "a b c", nested: [{ "x-api-key": "k", token: "" }], tokens: "/path" };
  assert.deepEqual(jsonWithoutSecrets(value), {
    password: "<hidden>",
    nested: [{ "x-api-key": "<hidden>", token: "" }],
    tokens: "/path",
  });
});
