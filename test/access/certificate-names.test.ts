// Tests names of certificates, including names that imitate others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateNames } from "../../src/transport/auth/certificate-names.js";

const names = (subject: string, subjectAltName?: string) =>
  certificateNames({ subject, subjectAltName });

test("common and alternative names", () => {
  const found = names(
    "C=DE\nCN=a",
    "DNS:a.example, URI:spiffe://a/b, IP Address:10.0.0.1, email:a@b",
  );
  const alternative = ["DNS:a.example", "URI:spiffe://a/b", "IP Address:10.0.0.1", "email:a@b"];
  assert.deepEqual(found, ["CN=a", ...alternative]);
  assert.deepEqual(names("O=x"), []);
});

test("a name with a comma or a quote is one name, and matches no other", () => {
  assert.deepEqual(names("", 'DNS:"a, DNS:admin, DNS:b", DNS:c'), ["DNS:c"]);
  assert.deepEqual(names("", 'URI:"x\\", DNS:admin, DNS:\\"y", DNS:c'), ["DNS:c"]);
  assert.deepEqual(names("CN=a\\0Aadmin\nO=x"), []);
});
