import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stasis.v1 import errors_pb2 as _errors_pb2
from stasis.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RemoteCheckOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_CHECK_OUTCOME_UNSPECIFIED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_PASSED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_FAILED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_NOTED: _ClassVar[RemoteCheckOutcome]
    REMOTE_CHECK_OUTCOME_SKIPPED: _ClassVar[RemoteCheckOutcome]

class RemoteUsability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_USABILITY_UNSPECIFIED: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_USABLE: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_LIMITED: _ClassVar[RemoteUsability]
    REMOTE_USABILITY_UNUSABLE: _ClassVar[RemoteUsability]

class RemoteDeletionOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_DELETION_OUTCOME_UNSPECIFIED: _ClassVar[RemoteDeletionOutcome]
    REMOTE_DELETION_OUTCOME_DELETED: _ClassVar[RemoteDeletionOutcome]
    REMOTE_DELETION_OUTCOME_KEPT: _ClassVar[RemoteDeletionOutcome]
    REMOTE_DELETION_OUTCOME_MISSING: _ClassVar[RemoteDeletionOutcome]
    REMOTE_DELETION_OUTCOME_FAILED: _ClassVar[RemoteDeletionOutcome]

class RemoteRunKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_RUN_KIND_UNSPECIFIED: _ClassVar[RemoteRunKind]
    REMOTE_RUN_KIND_COLLECTION: _ClassVar[RemoteRunKind]
    REMOTE_RUN_KIND_DELETION: _ClassVar[RemoteRunKind]

class RemoteVerifyLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOTE_VERIFY_LEVEL_UNSPECIFIED: _ClassVar[RemoteVerifyLevel]
    REMOTE_VERIFY_LEVEL_EXISTS: _ClassVar[RemoteVerifyLevel]
    REMOTE_VERIFY_LEVEL_FOOTERS: _ClassVar[RemoteVerifyLevel]
    REMOTE_VERIFY_LEVEL_DATA: _ClassVar[RemoteVerifyLevel]
REMOTE_CHECK_OUTCOME_UNSPECIFIED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_PASSED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_FAILED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_NOTED: RemoteCheckOutcome
REMOTE_CHECK_OUTCOME_SKIPPED: RemoteCheckOutcome
REMOTE_USABILITY_UNSPECIFIED: RemoteUsability
REMOTE_USABILITY_USABLE: RemoteUsability
REMOTE_USABILITY_LIMITED: RemoteUsability
REMOTE_USABILITY_UNUSABLE: RemoteUsability
REMOTE_DELETION_OUTCOME_UNSPECIFIED: RemoteDeletionOutcome
REMOTE_DELETION_OUTCOME_DELETED: RemoteDeletionOutcome
REMOTE_DELETION_OUTCOME_KEPT: RemoteDeletionOutcome
REMOTE_DELETION_OUTCOME_MISSING: RemoteDeletionOutcome
REMOTE_DELETION_OUTCOME_FAILED: RemoteDeletionOutcome
REMOTE_RUN_KIND_UNSPECIFIED: RemoteRunKind
REMOTE_RUN_KIND_COLLECTION: RemoteRunKind
REMOTE_RUN_KIND_DELETION: RemoteRunKind
REMOTE_VERIFY_LEVEL_UNSPECIFIED: RemoteVerifyLevel
REMOTE_VERIFY_LEVEL_EXISTS: RemoteVerifyLevel
REMOTE_VERIFY_LEVEL_FOOTERS: RemoteVerifyLevel
REMOTE_VERIFY_LEVEL_DATA: RemoteVerifyLevel

class ListRemotesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRemotesResponse(_message.Message):
    __slots__ = ("remotes",)
    REMOTES_FIELD_NUMBER: _ClassVar[int]
    remotes: _containers.RepeatedCompositeFieldContainer[Remote]
    def __init__(self, remotes: _Optional[_Iterable[_Union[Remote, _Mapping]]] = ...) -> None: ...

class Remote(_message.Message):
    __slots__ = ("name", "endpoint", "bucket", "prefix", "region")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    name: str
    endpoint: str
    bucket: str
    prefix: str
    region: str
    def __init__(self, name: _Optional[str] = ..., endpoint: _Optional[str] = ..., bucket: _Optional[str] = ..., prefix: _Optional[str] = ..., region: _Optional[str] = ...) -> None: ...

class CheckRemoteRequest(_message.Message):
    __slots__ = ("remote", "rounds")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    remote: str
    rounds: int
    def __init__(self, remote: _Optional[str] = ..., rounds: _Optional[int] = ...) -> None: ...

class CheckRemoteResponse(_message.Message):
    __slots__ = ("step", "verdict")
    STEP_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    step: RemoteCheckStep
    verdict: RemoteCheckVerdict
    def __init__(self, step: _Optional[_Union[RemoteCheckStep, _Mapping]] = ..., verdict: _Optional[_Union[RemoteCheckVerdict, _Mapping]] = ...) -> None: ...

class RemoteCheckStep(_message.Message):
    __slots__ = ("name", "outcome", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    outcome: RemoteCheckOutcome
    detail: str
    def __init__(self, name: _Optional[str] = ..., outcome: _Optional[_Union[RemoteCheckOutcome, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class RemoteCheckVerdict(_message.Message):
    __slots__ = ("usability", "summary", "missing_actions", "objects_left")
    USABILITY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    MISSING_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    usability: RemoteUsability
    summary: str
    missing_actions: _containers.RepeatedScalarFieldContainer[str]
    objects_left: int
    def __init__(self, usability: _Optional[_Union[RemoteUsability, str]] = ..., summary: _Optional[str] = ..., missing_actions: _Optional[_Iterable[str]] = ..., objects_left: _Optional[int] = ...) -> None: ...

class DeleteRemoteSnapshotsRequest(_message.Message):
    __slots__ = ("remote", "refs", "allow_missing")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    REFS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    remote: str
    refs: _containers.RepeatedScalarFieldContainer[str]
    allow_missing: bool
    def __init__(self, remote: _Optional[str] = ..., refs: _Optional[_Iterable[str]] = ..., allow_missing: bool = ...) -> None: ...

class DeleteRemoteSnapshotsResponse(_message.Message):
    __slots__ = ("deletions",)
    DELETIONS_FIELD_NUMBER: _ClassVar[int]
    deletions: _containers.RepeatedCompositeFieldContainer[RemoteDeletion]
    def __init__(self, deletions: _Optional[_Iterable[_Union[RemoteDeletion, _Mapping]]] = ...) -> None: ...

class RemoteDeletion(_message.Message):
    __slots__ = ("ref", "id", "name", "node_id", "pushed_at", "outcome", "reason", "message", "holding_node_ids")
    REF_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    PUSHED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HOLDING_NODE_IDS_FIELD_NUMBER: _ClassVar[int]
    ref: str
    id: str
    name: str
    node_id: str
    pushed_at: _timestamp_pb2.Timestamp
    outcome: RemoteDeletionOutcome
    reason: _errors_pb2.ErrorReason
    message: str
    holding_node_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ref: _Optional[str] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., node_id: _Optional[str] = ..., pushed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[RemoteDeletionOutcome, str]] = ..., reason: _Optional[_Union[_errors_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., holding_node_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ListRemoteSnapshotsRequest(_message.Message):
    __slots__ = ("remote", "page_size", "page_token", "filter")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    remote: str
    page_size: int
    page_token: str
    filter: RemoteSnapshotFilter
    def __init__(self, remote: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[RemoteSnapshotFilter, _Mapping]] = ...) -> None: ...

class RemoteSnapshotFilter(_message.Message):
    __slots__ = ("name_prefix", "labels", "node_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    name_prefix: str
    labels: _containers.ScalarMap[str, str]
    node_id: str
    def __init__(self, name_prefix: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., node_id: _Optional[str] = ...) -> None: ...

class ListRemoteSnapshotsResponse(_message.Message):
    __slots__ = ("snapshots", "next_page_token", "total_size", "broken_ids", "broken_size")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    BROKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_SIZE_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[_resources_pb2.RemoteSnapshot]
    next_page_token: str
    total_size: int
    broken_ids: _containers.RepeatedScalarFieldContainer[str]
    broken_size: int
    def __init__(self, snapshots: _Optional[_Iterable[_Union[_resources_pb2.RemoteSnapshot, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., broken_ids: _Optional[_Iterable[str]] = ..., broken_size: _Optional[int] = ...) -> None: ...

class CollectRemoteGarbageRequest(_message.Message):
    __slots__ = ("remote", "grace", "claim_ttl", "dry_run", "abandon_run")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_TTL_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ABANDON_RUN_FIELD_NUMBER: _ClassVar[int]
    remote: str
    grace: _duration_pb2.Duration
    claim_ttl: _duration_pb2.Duration
    dry_run: bool
    abandon_run: str
    def __init__(self, remote: _Optional[str] = ..., grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., claim_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., dry_run: bool = ..., abandon_run: _Optional[str] = ...) -> None: ...

class CollectRemoteGarbageResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: RemoteGcProgress
    result: RemoteGcResult
    def __init__(self, progress: _Optional[_Union[RemoteGcProgress, _Mapping]] = ..., result: _Optional[_Union[RemoteGcResult, _Mapping]] = ...) -> None: ...

class RemoteGcProgress(_message.Message):
    __slots__ = ("snapshots", "objects", "candidates", "deleted")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    snapshots: int
    objects: int
    candidates: int
    deleted: int
    def __init__(self, snapshots: _Optional[int] = ..., objects: _Optional[int] = ..., candidates: _Optional[int] = ..., deleted: _Optional[int] = ...) -> None: ...

class RemoteObjectCounts(_message.Message):
    __slots__ = ("packs", "pack_bytes", "maps")
    PACKS_FIELD_NUMBER: _ClassVar[int]
    PACK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAPS_FIELD_NUMBER: _ClassVar[int]
    packs: int
    pack_bytes: int
    maps: int
    def __init__(self, packs: _Optional[int] = ..., pack_bytes: _Optional[int] = ..., maps: _Optional[int] = ...) -> None: ...

class RemoteGcResult(_message.Message):
    __slots__ = ("deleted", "kept_young", "kept_claimed", "snapshots", "broken_snapshot_ids", "expired_claims", "leftovers", "other_runs", "more")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    KEPT_YOUNG_FIELD_NUMBER: _ClassVar[int]
    KEPT_CLAIMED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_SNAPSHOT_IDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_CLAIMS_FIELD_NUMBER: _ClassVar[int]
    LEFTOVERS_FIELD_NUMBER: _ClassVar[int]
    OTHER_RUNS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    deleted: RemoteObjectCounts
    kept_young: RemoteObjectCounts
    kept_claimed: RemoteObjectCounts
    snapshots: int
    broken_snapshot_ids: _containers.RepeatedScalarFieldContainer[str]
    expired_claims: int
    leftovers: int
    other_runs: _containers.RepeatedCompositeFieldContainer[RemoteRun]
    more: bool
    def __init__(self, deleted: _Optional[_Union[RemoteObjectCounts, _Mapping]] = ..., kept_young: _Optional[_Union[RemoteObjectCounts, _Mapping]] = ..., kept_claimed: _Optional[_Union[RemoteObjectCounts, _Mapping]] = ..., snapshots: _Optional[int] = ..., broken_snapshot_ids: _Optional[_Iterable[str]] = ..., expired_claims: _Optional[int] = ..., leftovers: _Optional[int] = ..., other_runs: _Optional[_Iterable[_Union[RemoteRun, _Mapping]]] = ..., more: bool = ...) -> None: ...

class RemoteRun(_message.Message):
    __slots__ = ("run", "kind", "stored_at", "snapshot_id", "objects")
    RUN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STORED_AT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    run: str
    kind: RemoteRunKind
    stored_at: _timestamp_pb2.Timestamp
    snapshot_id: str
    objects: int
    def __init__(self, run: _Optional[str] = ..., kind: _Optional[_Union[RemoteRunKind, str]] = ..., stored_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., snapshot_id: _Optional[str] = ..., objects: _Optional[int] = ...) -> None: ...

class VerifyRemoteRequest(_message.Message):
    __slots__ = ("remote", "ref", "level", "sample_percent")
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    remote: str
    ref: str
    level: RemoteVerifyLevel
    sample_percent: int
    def __init__(self, remote: _Optional[str] = ..., ref: _Optional[str] = ..., level: _Optional[_Union[RemoteVerifyLevel, str]] = ..., sample_percent: _Optional[int] = ...) -> None: ...

class VerifyRemoteResponse(_message.Message):
    __slots__ = ("progress", "damage", "summary")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    progress: RemoteVerifyCounts
    damage: RemoteDamage
    summary: RemoteVerifyCounts
    def __init__(self, progress: _Optional[_Union[RemoteVerifyCounts, _Mapping]] = ..., damage: _Optional[_Union[RemoteDamage, _Mapping]] = ..., summary: _Optional[_Union[RemoteVerifyCounts, _Mapping]] = ...) -> None: ...

class RemoteVerifyCounts(_message.Message):
    __slots__ = ("snapshots", "done_snapshots", "damaged_snapshots", "damages", "footers", "blocks", "requests", "read_bytes")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    DONE_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    DAMAGES_FIELD_NUMBER: _ClassVar[int]
    FOOTERS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_FIELD_NUMBER: _ClassVar[int]
    snapshots: int
    done_snapshots: int
    damaged_snapshots: int
    damages: int
    footers: int
    blocks: int
    requests: int
    read_bytes: int
    def __init__(self, snapshots: _Optional[int] = ..., done_snapshots: _Optional[int] = ..., damaged_snapshots: _Optional[int] = ..., damages: _Optional[int] = ..., footers: _Optional[int] = ..., blocks: _Optional[int] = ..., requests: _Optional[int] = ..., read_bytes: _Optional[int] = ...) -> None: ...

class RemoteDamage(_message.Message):
    __slots__ = ("snapshot_id", "snapshot_name", "key", "offset", "file", "block", "problem")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    snapshot_name: str
    key: str
    offset: int
    file: str
    block: int
    problem: str
    def __init__(self, snapshot_id: _Optional[str] = ..., snapshot_name: _Optional[str] = ..., key: _Optional[str] = ..., offset: _Optional[int] = ..., file: _Optional[str] = ..., block: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...
