// Models changes of the bucket that no actor makes: abandoned requests take effect, and claims
// expire. The model has no clock, so any claim may expire at any moment.
import type { Move, Process } from "../explorer.js";
import { keysBelow, landed, withFact, withoutObjects, type World } from "../world.js";

export function network(options: { readonly claimsExpire: boolean }): Process<World> {
  return {
    name: "later",
    start: 0,
    moves: (_, world) => [
      ...world.late.map((request) => ({
        words: `the ${request.verb} ${request.key} of ${request.author} takes effect`,
        local: 0,
        shared: landed(world, request),
      })),
      ...(options.claimsExpire ? expirations(world) : []),
    ],
  };
}

function expirations(world: World): Move<World>[] {
  return keysBelow(world, "claims/").map((claim) => ({
    words: `${claim} has expired, and a collector deletes it`,
    local: 0,
    shared: withFact(withoutObjects(world, [claim]), "a claim has expired"),
  }));
}
