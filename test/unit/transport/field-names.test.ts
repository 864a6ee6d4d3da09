// Tests the names in errors. In the domain they are names of its properties. The caller receives
// the names of the fields of its message.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError, fieldInvalid } from "../../../src/base/errors.js";
import {
  withFieldNames,
  withMessageFields,
  type FieldNames,
} from "../../../src/transport/field-names.js";

async function renamed(names: FieldNames, error: Error): Promise<unknown> {
  return withFieldNames(names, () => Promise.reject(error)).catch((thrown: unknown) => thrown);
}

void test("names of properties become names of fields, also in the text of the error", () => {
  const error = withMessageFields(fieldInvalid("config.imageBlobIds", "no empty id", ""));
  assert.equal(error.fields[0]?.field, "config.image_blob_ids");
  assert.match(error.message, /^config\.image_blob_ids: expected no empty id/);
  assert.equal(error.reason, "FIELD_INVALID");
});

void test("keys of maps and names without capitals are unchanged", () => {
  for (const field of ["labels[myKey]", "header.request_id", "ref"]) {
    const error = fieldInvalid(field, "something else", "x");
    assert.equal(withMessageFields(error), error, field);
  }
});

void test("a text that does not begin with the field is unchanged", () => {
  const fields = [{ field: "pageToken", description: "expected a token" }];
  const error = withMessageFields(
    new StoreError("PAGE_TOKEN_INVALID", "no such token", { fields }),
  );
  assert.deepEqual([error.message, error.fields[0]?.field], ["no such token", "page_token"]);
});

void test("a service maps the fields of the domain to the places in its message", async () => {
  const names: FieldNames = [
    ["config", "header"],
    ["requestId", "header.request_id"],
  ];
  const fieldOf = async (field: string): Promise<string | undefined> => {
    const error = await renamed(names, fieldInvalid(field, "another value", "x"));
    return error instanceof StoreError ? error.fields[0]?.field : undefined;
  };
  assert.equal(await fieldOf("config.labels[a]"), "header.labels[a]");
  assert.equal(await fieldOf("requestId"), "header.request_id");
  assert.equal(await fieldOf("directory"), "directory");
  const other = new Error("no StoreError");
  assert.equal(await renamed(names, other), other);
});
