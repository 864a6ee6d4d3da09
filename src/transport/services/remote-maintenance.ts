// Implements the calls of RemoteService that maintain remotes: converts messages to values of
// remote/, and back.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { fieldInvalid, type StoreError } from "../../base/errors.js";
import type { RemoteMaintenance } from "../../remote/maintenance.js";
import type { RemoteRemoval } from "../../remote/removal.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import {
  RemoteDeletionOutcome,
  type RemoteDeletionSchema,
  type RemoteService,
} from "../../../gen/ts/stasis/v1/remote_service_pb.js";
import type { ServiceImplementation } from "../handler.js";

const maxRefs = 1000;

type MaintenanceCalls = Pick<ServiceImplementation<typeof RemoteService>, "deleteRemoteSnapshots">;

export function implementMaintenance(remotes: RemoteMaintenance): MaintenanceCalls {
  return {
    deleteRemoteSnapshots: async ({ remote, refs, allowMissing }, { signal }) => {
      if (refs.length === 0 || refs.length > maxRefs) {
        throw fieldInvalid("refs", `1 to ${maxRefs} refs`, `${refs.length} refs`);
      }
      const index = refs.indexOf("");
      if (index >= 0)
        throw fieldInvalid(`refs[${index}]`, "an id, a name or a prefix of an id", "");
      const removals = await remotes.remove({ remote, refs, allowMissing }, signal);
      return { deletions: removals.map(removalToMessage) };
    },
  };
}

const outcomes = {
  deleted: RemoteDeletionOutcome.DELETED,
  kept: RemoteDeletionOutcome.KEPT,
  missing: RemoteDeletionOutcome.MISSING,
  failed: RemoteDeletionOutcome.FAILED,
} as const;

function removalToMessage(removal: RemoteRemoval): MessageInitShape<typeof RemoteDeletionSchema> {
  const { ref, id = "", snapshot, outcome, problem, holders } = removal;
  return {
    ...{ ref, id, outcome: outcomes[outcome], holdingNodeIds: [...holders] },
    name: snapshot?.manifest.config.name ?? "",
    nodeId: snapshot?.nodeId ?? "",
    ...(snapshot === undefined ? {} : { pushedAt: timestampFromDate(snapshot.pushedAt) }),
    ...(problem === undefined ? {} : problemToMessage(problem)),
  };
}

function problemToMessage({ reason, text }: StoreError) {
  return { reason: ErrorReason[reason as keyof typeof ErrorReason], message: text };
}
