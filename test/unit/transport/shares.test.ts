// Of each resource some is left for those who are known, whoever takes the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Identity } from "../../../src/model/access.js";
import { createShares, type Owner, type Shares } from "../../../src/transport/shares.js";

const one: Identity = { name: "one", role: "reader", namePrefix: "" };
const other: Identity = { ...one, name: "other" };
const unix: Identity = { ...one, name: "unix", shared: true };
const stranger = undefined;

/** How much more an owner gets, one by one; it keeps it. */
function fill(shares: Shares, owner: Owner): number {
  let taken = 0;
  for (; shares.lacks(owner) === undefined && taken < 1000; taken++) shares.take(owner);
  return taken;
}

test("strangers get a quarter, an identity three quarters, a shared identity all that is left", () => {
  const shares = createShares({ what: "places", max: 100 });
  assert.equal(fill(shares, stranger), 25);
  assert.equal(fill(shares, one), 75);
  assert.equal(fill(shares, other), 0);
  shares.giveBack(stranger, 20);
  assert.equal(fill(shares, other), 20);

  const alone = createShares({ what: "places", max: 100 });
  assert.equal(fill(alone, one), 75);
  assert.equal(fill(alone, stranger), 25);
  assert.equal(fill(createShares({ what: "places", max: 100 }), unix), 100);
});

test("who asks for more than one place gets all of them or none", () => {
  const shares = createShares({ what: "bytes", max: 100, perIdentity: 60, strangers: 10 });
  assert.deepEqual(shares.lacks(one, 61), { what: "bytes of this identity", limit: 60 });
  assert.deepEqual(shares.lacks(stranger, 11), { what: "bytes without credentials", limit: 10 });
  assert.deepEqual(shares.lacks(unix, 101), { what: "bytes", limit: 100 });
  shares.take(one, 60);
  assert.deepEqual(shares.lacks(one), { what: "bytes of this identity", limit: 60 });
  shares.take(unix, 35);
  assert.deepEqual(shares.lacks(other, 6), { what: "bytes", limit: 100 });
  assert.equal(shares.lacks(other, 5), undefined);
  shares.giveBack(one, 60);
  assert.equal(shares.lacks(one, 60), undefined);
});
