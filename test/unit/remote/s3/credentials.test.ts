// Tests credentials from a file in the format of AWS, from the environment, and from the standard
// chain. For the chain, the test runs a real server of container credentials.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { credentialSource } from "../../../../src/remote/s3/credentials.js";
import { remoteAt } from "../../../support/engine.js";
import { failsWith } from "../../../support/errors.js";
import { withScratchDir } from "../../../support/scratch.js";

const { signal } = new AbortController();
const endpoint = "http://127.0.0.1:1";

function source(table: Readonly<Record<string, unknown>>, env: Record<string, string> = {}) {
  return credentialSource(remoteAt(endpoint, table), env);
}

const text = `# comment
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key=secret/with=equals+
region = eu-west-1
s3 =
  max_concurrent_requests = 20

[ night ]
; another comment
AWS_ACCESS_KEY_ID = AKNIGHT
aws_secret_access_key = n
aws_session_token = tok==
[half]
aws_access_key_id = AK
[empty]
`;

test("a credentials file may have a default section, a profile and a session token", () =>
  withScratchDir(async (scratch) => {
    const path = join(scratch, "credentials");
    await writeFile(path, text);
    const file = { credentials_file: path };
    assert.deepEqual(await source(file).current(signal), {
      ...{ accessKeyId: "AKDEFAULT", secretAccessKey: "secret/with=equals+" },
    });
    assert.deepEqual(await source({ ...file, profile: "night" }).current(signal), {
      ...{ accessKeyId: "AKNIGHT", secretAccessKey: "n", sessionToken: "tok==" },
    });
    for (const [profile, expected] of [
      ["half", /\[half\] of .* has no aws_secret_access_key/],
      ["empty", /\[empty\] of .* has no aws_access_key_id/],
      ["none", /has no section \[none\]. It has default, empty, half, night: set profile/],
    ] as const) {
      const error = await failsWith(source({ ...file, profile }).current(signal), "FIELD_INVALID");
      assert.match(error.text, expected);
      assert.ok(!error.text.includes("secret/"));
    }
    const missing = source({ credentials_file: join(scratch, "none") });
    assert.match((await failsWith(missing.current(signal), "FIELD_INVALID")).text, /ENOENT/);
  }));

test("a changed credentials file is read again, and at once after a refusal", () =>
  withScratchDir(async (scratch) => {
    const path = join(scratch, "credentials");
    const write = (key: string) =>
      writeFile(path, `[default]\naws_access_key_id=${key}\naws_secret_access_key=s\n`);
    await write("ONE");
    const known = source({ credentials_file: path });
    assert.equal((await known.current(signal))?.accessKeyId, "ONE");
    await write("TWO");
    await utimes(path, 1, 1);
    known.renew();
    assert.equal((await known.current(signal))?.accessKeyId, "TWO");
  }));

test("the environment counts only if the remote sets no file and no profile", async () => {
  const env = { AWS_ACCESS_KEY_ID: "ENV", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t" };
  assert.deepEqual(await source({}, env).current(signal), {
    ...{ accessKeyId: "ENV", secretAccessKey: "s", sessionToken: "t" },
  });
  assert.equal(await source({ anonymous: true }, env).current(signal), undefined);
});

test("the credentials of a role are temporary, and are renewed before they end", () =>
  withScratchDir(async (scratch) => {
    let answers = 0;
    let lastsMs = 60_000;
    const server = createServer((_request, response) => {
      answers += 1;
      const Expiration = new Date(Date.now() + lastsMs).toISOString();
      const keys = { AccessKeyId: `ROLE${answers}`, SecretAccessKey: "s", Token: "t", Expiration };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(keys));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const before = { ...process.env };
    // The chain reads the environment of the process itself.
    Object.assign(process.env, {
      ...{ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/role` },
      ...{
        AWS_SHARED_CREDENTIALS_FILE: join(scratch, "none"),
        AWS_CONFIG_FILE: join(scratch, "no"),
      },
      ...{ AWS_EC2_METADATA_DISABLED: "true" },
    });
    try {
      const role = source({});
      const first = await role.current(signal);
      assert.deepEqual(
        { ...first, expiration: undefined },
        { accessKeyId: "ROLE1", secretAccessKey: "s", sessionToken: "t", expiration: undefined },
      );
      // The first credentials end within five minutes, so the next call renews them.
      lastsMs = 3_600_000;
      assert.equal((await role.current(signal))?.accessKeyId, "ROLE2");
      assert.equal((await role.current(signal))?.accessKeyId, "ROLE2");
      role.renew();
      assert.equal((await role.current(signal))?.accessKeyId, "ROLE3");
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      role.renew();
      const error = await failsWith(role.current(signal), "FIELD_INVALID");
      assert.match(error.text, /^remote cold: the standard chain of AWS finds no credentials: /);
    } finally {
      server.close();
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    }
  }));

test("a program in the credentials file is run", () =>
  withScratchDir(async (scratch) => {
    const path = join(scratch, "credentials");
    const keys = { Version: 1, AccessKeyId: "PROGRAM", SecretAccessKey: "s" };
    await writeFile(join(scratch, "keys.json"), JSON.stringify(keys));
    await writeFile(path, `[default]\ncredential_process = cat ${join(scratch, "keys.json")}\n`);
    const found = await source({ credentials_file: path }).current(signal);
    assert.equal(found?.accessKeyId, "PROGRAM");
  }));
