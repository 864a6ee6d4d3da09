// Tests that some of each resource remains for known callers, whatever others acquire.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Identity } from "../../../src/model/access.js";
import { createSemaphore, type Owner, type Semaphore } from "../../../src/transport/semaphore.js";

const one: Identity = { name: "one", role: "reader", namePrefix: "" };
const other: Identity = { ...one, name: "other" };
const unix: Identity = { ...one, name: "unix", shared: true };
const stranger = undefined;

/** Acquires permits one by one until there are no more. Returns their number. */
function fill(semaphore: Semaphore, owner: Owner): number {
  let taken = 0;
  for (; semaphore.exceededBy(owner) === undefined && taken < 1000; taken++)
    semaphore.acquire(owner);
  return taken;
}

test("unauthenticated callers get a quarter, an identity three quarters, and a shared identity all that is left", () => {
  const semaphore = createSemaphore({ what: "things", max: 100 });
  assert.equal(fill(semaphore, stranger), 25);
  assert.equal(fill(semaphore, one), 75);
  assert.equal(fill(semaphore, other), 0);
  semaphore.release(stranger, 20);
  assert.equal(fill(semaphore, other), 20);

  const alone = createSemaphore({ what: "things", max: 100 });
  assert.equal(fill(alone, one), 75);
  assert.equal(fill(alone, stranger), 25);
  assert.equal(fill(createSemaphore({ what: "things", max: 100 }), unix), 100);
});

test("a request for several permits gets all of them or nothing", () => {
  const semaphore = createSemaphore({ what: "bytes", max: 100, perIdentity: 60, strangers: 10 });
  assert.deepEqual(semaphore.exceededBy(one, 61), { what: "bytes of this identity", limit: 60 });
  assert.deepEqual(semaphore.exceededBy(stranger, 11), {
    what: "bytes without credentials",
    limit: 10,
  });
  assert.deepEqual(semaphore.exceededBy(unix, 101), { what: "bytes", limit: 100 });
  semaphore.acquire(one, 60);
  assert.deepEqual(semaphore.exceededBy(one), { what: "bytes of this identity", limit: 60 });
  semaphore.acquire(unix, 35);
  assert.deepEqual(semaphore.exceededBy(other, 6), { what: "bytes", limit: 100 });
  assert.equal(semaphore.exceededBy(other, 5), undefined);
  semaphore.release(one, 60);
  assert.equal(semaphore.exceededBy(one, 60), undefined);
});
