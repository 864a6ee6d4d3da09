import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stasis.v1 import errors_pb2 as _errors_pb2
from stasis.v1 import replication_service_pb2 as _replication_service_pb2
from stasis.v1 import snapshot_service_pb2 as _snapshot_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RepairOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPAIR_OUTCOME_UNSPECIFIED: _ClassVar[RepairOutcome]
    REPAIR_OUTCOME_PLANNED: _ClassVar[RepairOutcome]
    REPAIR_OUTCOME_DONE: _ClassVar[RepairOutcome]
    REPAIR_OUTCOME_LEFT: _ClassVar[RepairOutcome]
    REPAIR_OUTCOME_FAILED: _ClassVar[RepairOutcome]

class FindingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_KIND_UNSPECIFIED: _ClassVar[FindingKind]
    FINDING_KIND_CATALOG_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_CATALOG_DAMAGED: _ClassVar[FindingKind]
    FINDING_KIND_CATALOG_ROWS: _ClassVar[FindingKind]
    FINDING_KIND_DIRECTORY_UNKNOWN: _ClassVar[FindingKind]
    FINDING_KIND_DIRECTORY_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_ENTRY_UNKNOWN: _ClassVar[FindingKind]
    FINDING_KIND_MANIFEST_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_MANIFEST_DAMAGED: _ClassVar[FindingKind]
    FINDING_KIND_MANIFEST_OLDER: _ClassVar[FindingKind]
    FINDING_KIND_MANIFEST_NEWER: _ClassVar[FindingKind]
    FINDING_KIND_MANIFEST_DIFFERS: _ClassVar[FindingKind]
    FINDING_KIND_FILE_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_FILE_UNKNOWN: _ClassVar[FindingKind]
    FINDING_KIND_FILE_KIND: _ClassVar[FindingKind]
    FINDING_KIND_FILE_SIZE: _ClassVar[FindingKind]
    FINDING_KIND_FILE_MODE: _ClassVar[FindingKind]
    FINDING_KIND_BLOCK_TABLE_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_BLOCK_TABLE_DAMAGED: _ClassVar[FindingKind]
    FINDING_KIND_DATA_DAMAGED: _ClassVar[FindingKind]
    FINDING_KIND_MARKED_CORRUPT: _ClassVar[FindingKind]
    FINDING_KIND_MARKED_LOST: _ClassVar[FindingKind]
    FINDING_KIND_INTERRUPTED: _ClassVar[FindingKind]
    FINDING_KIND_STAGING_LEFTOVER: _ClassVar[FindingKind]
    FINDING_KIND_TRASH_LEFTOVER: _ClassVar[FindingKind]
    FINDING_KIND_TEMPORARY_FILE: _ClassVar[FindingKind]
    FINDING_KIND_QUARANTINED: _ClassVar[FindingKind]
    FINDING_KIND_BALLAST_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_FORMAT_UNSUPPORTED: _ClassVar[FindingKind]

class FindingAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_ACTION_UNSPECIFIED: _ClassVar[FindingAction]
    FINDING_ACTION_NONE: _ClassVar[FindingAction]
    FINDING_ACTION_AT_NEXT_START: _ClassVar[FindingAction]
    FINDING_ACTION_ADOPT: _ClassVar[FindingAction]
    FINDING_ACTION_QUARANTINE: _ClassVar[FindingAction]
    FINDING_ACTION_MARK_LOST: _ClassVar[FindingAction]
    FINDING_ACTION_MARK_CORRUPT: _ClassVar[FindingAction]
    FINDING_ACTION_REWRITE_MANIFEST: _ClassVar[FindingAction]
    FINDING_ACTION_TAKE_MANIFEST: _ClassVar[FindingAction]
    FINDING_ACTION_REBUILD_BLOCK_TABLE: _ClassVar[FindingAction]
    FINDING_ACTION_SET_MODE: _ClassVar[FindingAction]
    FINDING_ACTION_REWRITE_ROWS: _ClassVar[FindingAction]
    FINDING_ACTION_MAKE_BALLAST: _ClassVar[FindingAction]
REPAIR_OUTCOME_UNSPECIFIED: RepairOutcome
REPAIR_OUTCOME_PLANNED: RepairOutcome
REPAIR_OUTCOME_DONE: RepairOutcome
REPAIR_OUTCOME_LEFT: RepairOutcome
REPAIR_OUTCOME_FAILED: RepairOutcome
FINDING_KIND_UNSPECIFIED: FindingKind
FINDING_KIND_CATALOG_MISSING: FindingKind
FINDING_KIND_CATALOG_DAMAGED: FindingKind
FINDING_KIND_CATALOG_ROWS: FindingKind
FINDING_KIND_DIRECTORY_UNKNOWN: FindingKind
FINDING_KIND_DIRECTORY_MISSING: FindingKind
FINDING_KIND_ENTRY_UNKNOWN: FindingKind
FINDING_KIND_MANIFEST_MISSING: FindingKind
FINDING_KIND_MANIFEST_DAMAGED: FindingKind
FINDING_KIND_MANIFEST_OLDER: FindingKind
FINDING_KIND_MANIFEST_NEWER: FindingKind
FINDING_KIND_MANIFEST_DIFFERS: FindingKind
FINDING_KIND_FILE_MISSING: FindingKind
FINDING_KIND_FILE_UNKNOWN: FindingKind
FINDING_KIND_FILE_KIND: FindingKind
FINDING_KIND_FILE_SIZE: FindingKind
FINDING_KIND_FILE_MODE: FindingKind
FINDING_KIND_BLOCK_TABLE_MISSING: FindingKind
FINDING_KIND_BLOCK_TABLE_DAMAGED: FindingKind
FINDING_KIND_DATA_DAMAGED: FindingKind
FINDING_KIND_MARKED_CORRUPT: FindingKind
FINDING_KIND_MARKED_LOST: FindingKind
FINDING_KIND_INTERRUPTED: FindingKind
FINDING_KIND_STAGING_LEFTOVER: FindingKind
FINDING_KIND_TRASH_LEFTOVER: FindingKind
FINDING_KIND_TEMPORARY_FILE: FindingKind
FINDING_KIND_QUARANTINED: FindingKind
FINDING_KIND_BALLAST_MISSING: FindingKind
FINDING_KIND_FORMAT_UNSUPPORTED: FindingKind
FINDING_ACTION_UNSPECIFIED: FindingAction
FINDING_ACTION_NONE: FindingAction
FINDING_ACTION_AT_NEXT_START: FindingAction
FINDING_ACTION_ADOPT: FindingAction
FINDING_ACTION_QUARANTINE: FindingAction
FINDING_ACTION_MARK_LOST: FindingAction
FINDING_ACTION_MARK_CORRUPT: FindingAction
FINDING_ACTION_REWRITE_MANIFEST: FindingAction
FINDING_ACTION_TAKE_MANIFEST: FindingAction
FINDING_ACTION_REBUILD_BLOCK_TABLE: FindingAction
FINDING_ACTION_SET_MODE: FindingAction
FINDING_ACTION_REWRITE_ROWS: FindingAction
FINDING_ACTION_MAKE_BALLAST: FindingAction

class CheckRequest(_message.Message):
    __slots__ = ("deep", "limit_bytes_per_second")
    DEEP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    deep: bool
    limit_bytes_per_second: int
    def __init__(self, deep: bool = ..., limit_bytes_per_second: _Optional[int] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("finding", "progress", "summary")
    FINDING_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    finding: Finding
    progress: CheckProgress
    summary: CheckSummary
    def __init__(self, finding: _Optional[_Union[Finding, _Mapping]] = ..., progress: _Optional[_Union[CheckProgress, _Mapping]] = ..., summary: _Optional[_Union[CheckSummary, _Mapping]] = ...) -> None: ...

class RepairRequest(_message.Message):
    __slots__ = ("dry_run", "deep", "limit_bytes_per_second")
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    DEEP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    deep: bool
    limit_bytes_per_second: int
    def __init__(self, dry_run: bool = ..., deep: bool = ..., limit_bytes_per_second: _Optional[int] = ...) -> None: ...

class RepairResponse(_message.Message):
    __slots__ = ("finding", "outcome", "message")
    FINDING_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    finding: Finding
    outcome: RepairOutcome
    message: str
    def __init__(self, finding: _Optional[_Union[Finding, _Mapping]] = ..., outcome: _Optional[_Union[RepairOutcome, str]] = ..., message: _Optional[str] = ...) -> None: ...

class CheckProgress(_message.Message):
    __slots__ = ("done_snapshots", "total_snapshots")
    DONE_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    done_snapshots: int
    total_snapshots: int
    def __init__(self, done_snapshots: _Optional[int] = ..., total_snapshots: _Optional[int] = ...) -> None: ...

class CheckSummary(_message.Message):
    __slots__ = ("snapshots", "problems")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    snapshots: int
    problems: int
    def __init__(self, snapshots: _Optional[int] = ..., problems: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("kind", "problem", "id", "name", "path", "found", "action")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    kind: FindingKind
    problem: bool
    id: str
    name: str
    path: str
    found: str
    action: FindingAction
    def __init__(self, kind: _Optional[_Union[FindingKind, str]] = ..., problem: bool = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., path: _Optional[str] = ..., found: _Optional[str] = ..., action: _Optional[_Union[FindingAction, str]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("version", "store_type", "node_id", "root", "started_at", "limits", "features", "usage", "scrub", "commit", "formats", "clock", "problems")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STORE_TYPE_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SCRUB_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    version: str
    store_type: str
    node_id: str
    root: str
    started_at: _timestamp_pb2.Timestamp
    limits: Limits
    features: Features
    usage: Usage
    scrub: ScrubStatus
    commit: str
    formats: StoreFormats
    clock: ClockStatus
    problems: _containers.RepeatedCompositeFieldContainer[StoreProblem]
    def __init__(self, version: _Optional[str] = ..., store_type: _Optional[str] = ..., node_id: _Optional[str] = ..., root: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., features: _Optional[_Union[Features, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., scrub: _Optional[_Union[ScrubStatus, _Mapping]] = ..., commit: _Optional[str] = ..., formats: _Optional[_Union[StoreFormats, _Mapping]] = ..., clock: _Optional[_Union[ClockStatus, _Mapping]] = ..., problems: _Optional[_Iterable[_Union[StoreProblem, _Mapping]]] = ...) -> None: ...

class StoreProblem(_message.Message):
    __slots__ = ("reason", "message", "since", "stops_reads")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    STOPS_READS_FIELD_NUMBER: _ClassVar[int]
    reason: _errors_pb2.ErrorReason
    message: str
    since: _timestamp_pb2.Timestamp
    stops_reads: bool
    def __init__(self, reason: _Optional[_Union[_errors_pb2.ErrorReason, str]] = ..., message: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stops_reads: bool = ...) -> None: ...

class StoreFormats(_message.Message):
    __slots__ = ("store", "catalog", "manifest", "block_tables")
    STORE_FIELD_NUMBER: _ClassVar[int]
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    BLOCK_TABLES_FIELD_NUMBER: _ClassVar[int]
    store: int
    catalog: int
    manifest: int
    block_tables: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, store: _Optional[int] = ..., catalog: _Optional[int] = ..., manifest: _Optional[int] = ..., block_tables: _Optional[_Iterable[int]] = ...) -> None: ...

class ClockStatus(_message.Message):
    __slots__ = ("suspect", "ahead", "trusted_after")
    SUSPECT_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_AFTER_FIELD_NUMBER: _ClassVar[int]
    suspect: bool
    ahead: _duration_pb2.Duration
    trusted_after: _duration_pb2.Duration
    def __init__(self, suspect: bool = ..., ahead: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., trusted_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ScrubStatus(_message.Message):
    __slots__ = ("interval", "last", "running")
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    last: ScrubRun
    running: ScrubRun
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., last: _Optional[_Union[ScrubRun, _Mapping]] = ..., running: _Optional[_Union[ScrubRun, _Mapping]] = ...) -> None: ...

class ScrubRun(_message.Message):
    __slots__ = ("started_at", "ended_at", "snapshots", "bytes", "damaged", "unreadable")
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    snapshots: int
    bytes: int
    damaged: int
    unreadable: int
    def __init__(self, started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., snapshots: _Optional[int] = ..., bytes: _Optional[int] = ..., damaged: _Optional[int] = ..., unreadable: _Optional[int] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "chunk_bytes", "max_streams", "max_files", "max_segments", "max_page_size", "max_envelope_bytes", "max_connections", "max_watchers", "max_events", "request_retention", "max_store_bytes")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_FILES_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVELOPE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_WATCHERS_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_RETENTION_FIELD_NUMBER: _ClassVar[int]
    MAX_STORE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    chunk_bytes: int
    max_streams: int
    max_files: int
    max_segments: int
    max_page_size: int
    max_envelope_bytes: int
    max_connections: int
    max_watchers: int
    max_events: int
    request_retention: _duration_pb2.Duration
    max_store_bytes: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., max_streams: _Optional[int] = ..., max_files: _Optional[int] = ..., max_segments: _Optional[int] = ..., max_page_size: _Optional[int] = ..., max_envelope_bytes: _Optional[int] = ..., max_connections: _Optional[int] = ..., max_watchers: _Optional[int] = ..., max_events: _Optional[int] = ..., request_retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_store_bytes: _Optional[int] = ...) -> None: ...

class Features(_message.Message):
    __slots__ = ("direct_access", "gzip", "zstd", "directory_export", "reflink", "encodings", "table_versions", "clone_modes")
    DIRECT_ACCESS_FIELD_NUMBER: _ClassVar[int]
    GZIP_FIELD_NUMBER: _ClassVar[int]
    ZSTD_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_EXPORT_FIELD_NUMBER: _ClassVar[int]
    REFLINK_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    TABLE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CLONE_MODES_FIELD_NUMBER: _ClassVar[int]
    direct_access: bool
    gzip: bool
    zstd: bool
    directory_export: bool
    reflink: bool
    encodings: _containers.RepeatedScalarFieldContainer[_replication_service_pb2.BlockEncoding]
    table_versions: _containers.RepeatedScalarFieldContainer[int]
    clone_modes: _containers.RepeatedScalarFieldContainer[_snapshot_service_pb2.CloneMode]
    def __init__(self, direct_access: bool = ..., gzip: bool = ..., zstd: bool = ..., directory_export: bool = ..., reflink: bool = ..., encodings: _Optional[_Iterable[_Union[_replication_service_pb2.BlockEncoding, str]]] = ..., table_versions: _Optional[_Iterable[int]] = ..., clone_modes: _Optional[_Iterable[_Union[_snapshot_service_pb2.CloneMode, str]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("snapshot_count", "size_bytes", "allocated_bytes", "free_bytes", "charged_bytes", "held_bytes", "corrupt_count")
    SNAPSHOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHARGED_BYTES_FIELD_NUMBER: _ClassVar[int]
    HELD_BYTES_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    snapshot_count: int
    size_bytes: int
    allocated_bytes: int
    free_bytes: int
    charged_bytes: int
    held_bytes: int
    corrupt_count: int
    def __init__(self, snapshot_count: _Optional[int] = ..., size_bytes: _Optional[int] = ..., allocated_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., charged_bytes: _Optional[int] = ..., held_bytes: _Optional[int] = ..., corrupt_count: _Optional[int] = ...) -> None: ...
