// Implements RemoteService with the remotes of the configuration.
import { create } from "@bufbuild/protobuf";
import { fieldInvalid } from "../../base/errors.js";
import type { ConfiguredRemote } from "../../config/remotes.js";
import type { RemoteMaintenance } from "../../remote/maintenance.js";
import { maxRounds, type LitmusEvent, type LitmusOptions } from "../../remote/s3/litmus.js";
import {
  CheckRemoteResponseSchema,
  ListRemotesResponseSchema,
  RemoteCheckOutcome,
  RemoteService,
  RemoteUsability,
  type CheckRemoteResponse,
  type ListRemotesResponse,
} from "../../../gen/ts/stasis/v1/remote_service_pb.js";
import { bindService, type ServiceBinding } from "../handler.js";
import { implementRemoteList, type ListedRemotes } from "./remote-list.js";
import { implementMaintenance } from "./remote-maintenance.js";

/** The remotes as this service needs them. */
export interface ServedRemotes extends ListedRemotes, RemoteMaintenance {
  list(): readonly ConfiguredRemote[];
  /**
   * Throws FIELD_INVALID for an unknown name. `field` is the request's field that contains the
   * name.
   */
  check(name: string, field: string, options: LitmusOptions): AsyncIterable<LitmusEvent>;
}

export function bindRemoteService(remotes: ServedRemotes): ServiceBinding {
  return bindService(RemoteService, {
    ...implementMaintenance(remotes),
    ...implementRemoteList(remotes),
    listRemotes: async () => remotesToMessage(remotes.list()),
    checkRemote: async function* ({ remote, rounds }, { signal }) {
      if (rounds < 0 || rounds > maxRounds) {
        throw fieldInvalid("rounds", `0 for the default, or 1 to ${maxRounds}`, rounds);
      }
      const options = { signal, ...(rounds === 0 ? {} : { rounds }) };
      for await (const event of remotes.check(remote, "remote", options)) {
        yield litmusToMessage(event);
      }
    },
  });
}

export function remotesToMessage(remotes: readonly ConfiguredRemote[]): ListRemotesResponse {
  return create(ListRemotesResponseSchema, {
    remotes: remotes.map(({ name, endpoint, bucket, prefix, region }) => ({
      ...{ name, endpoint, bucket, prefix, region },
    })),
  });
}

const outcomes = {
  passed: RemoteCheckOutcome.PASSED,
  failed: RemoteCheckOutcome.FAILED,
  noted: RemoteCheckOutcome.NOTED,
  skipped: RemoteCheckOutcome.SKIPPED,
} as const;

const usabilities = {
  usable: RemoteUsability.USABLE,
  limited: RemoteUsability.LIMITED,
  unusable: RemoteUsability.UNUSABLE,
} as const;

export function litmusToMessage(event: LitmusEvent): CheckRemoteResponse {
  if (event.kind === "step") {
    const { name, outcome, detail } = event.step;
    const value = { name, outcome: outcomes[outcome], detail };
    return create(CheckRemoteResponseSchema, { event: { case: "step", value } });
  }
  const { usability, summary, missingActions, objectsLeft } = event.verdict;
  const value = {
    ...{ usability: usabilities[usability], summary, objectsLeft },
    missingActions: [...missingActions],
  };
  return create(CheckRemoteResponseSchema, { event: { case: "verdict", value } });
}
