// Tests that refusals above a rate are delayed, separately for each identity.
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { test } from "node:test";
import { createRefusals } from "../../../src/transport/refusals.js";

const identityOf = (name: string) => ({ name, role: "writer", namePrefix: "" }) as const;

test("the first refusals are answered at once, many more of one identity wait, and others do not", async () => {
  const refusals = createRefusals();
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const order: string[] = [];
  const ask = async (name: string): Promise<void> => {
    await refusals.delay(identityOf(name), ending.signal);
    order.push(name);
  };
  const first = Array.from({ length: 100 }, () => ask("first"));
  const eager = Array.from({ length: 2000 }, () => ask("first"));
  const other = ask("other");
  await Promise.all([...first, other]);
  assert.equal(order.filter((name) => name === "other").length, 1);
  assert.ok(order.length < 1000, `${order.length} were answered at once`);
  // The delay ends when its caller disconnects.
  ending.abort();
  await Promise.all(eager);
});

test("calls without an identity share one rate", async () => {
  const refusals = createRefusals();
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const settled: number[] = [];
  const shared = { ...identityOf("unix"), shared: true };
  const turns = Array.from({ length: 2000 }, (_, index) =>
    refusals
      .delay(index % 2 === 0 ? undefined : shared, ending.signal)
      .then(() => settled.push(index)),
  );
  await turns[0];
  await refusals.delay(identityOf("somebody"), ending.signal);
  assert.ok(settled.length < 1000, `${settled.length} were answered at once`);
  ending.abort();
  await Promise.all(turns);
});
