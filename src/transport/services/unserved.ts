// Services whose calls are not built yet: they are known to reflection and answer UNIMPLEMENTED.
import { ReplicationService } from "../../../gen/ts/stasis/v1/replication_service_pb.js";
import { bindService, type ServiceBinding } from "../handler.js";

export function bindUnservedServices(): ServiceBinding[] {
  return [bindService(ReplicationService, {})];
}
