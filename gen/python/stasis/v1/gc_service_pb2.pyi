import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GcReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GC_REASON_UNSPECIFIED: _ClassVar[GcReason]
    GC_REASON_ORPHAN: _ClassVar[GcReason]
    GC_REASON_STALE_PENDING: _ClassVar[GcReason]
    GC_REASON_MISSING_DIRECTORY: _ClassVar[GcReason]
    GC_REASON_KEEP_LAST: _ClassVar[GcReason]
    GC_REASON_MAX_AGE: _ClassVar[GcReason]
    GC_REASON_MAX_TOTAL_BYTES: _ClassVar[GcReason]
    GC_REASON_EVICT_ALL: _ClassVar[GcReason]
    GC_REASON_EXPIRED: _ClassVar[GcReason]

class GcOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GC_OUTCOME_UNSPECIFIED: _ClassVar[GcOutcome]
    GC_OUTCOME_PLANNED: _ClassVar[GcOutcome]
    GC_OUTCOME_REMOVED: _ClassVar[GcOutcome]
    GC_OUTCOME_KEPT_IN_USE: _ClassVar[GcOutcome]
    GC_OUTCOME_KEPT_PROTECTED: _ClassVar[GcOutcome]
    GC_OUTCOME_KEPT_CHANGED: _ClassVar[GcOutcome]
    GC_OUTCOME_FAILED: _ClassVar[GcOutcome]
    GC_OUTCOME_NOT_FOUND: _ClassVar[GcOutcome]
GC_REASON_UNSPECIFIED: GcReason
GC_REASON_ORPHAN: GcReason
GC_REASON_STALE_PENDING: GcReason
GC_REASON_MISSING_DIRECTORY: GcReason
GC_REASON_KEEP_LAST: GcReason
GC_REASON_MAX_AGE: GcReason
GC_REASON_MAX_TOTAL_BYTES: GcReason
GC_REASON_EVICT_ALL: GcReason
GC_REASON_EXPIRED: GcReason
GC_OUTCOME_UNSPECIFIED: GcOutcome
GC_OUTCOME_PLANNED: GcOutcome
GC_OUTCOME_REMOVED: GcOutcome
GC_OUTCOME_KEPT_IN_USE: GcOutcome
GC_OUTCOME_KEPT_PROTECTED: GcOutcome
GC_OUTCOME_KEPT_CHANGED: GcOutcome
GC_OUTCOME_FAILED: GcOutcome
GC_OUTCOME_NOT_FOUND: GcOutcome

class GcPolicy(_message.Message):
    __slots__ = ("keep_last", "max_age", "max_total_bytes", "evict_all", "group_by_label", "trust_clock")
    KEEP_LAST_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    EVICT_ALL_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_LABEL_FIELD_NUMBER: _ClassVar[int]
    TRUST_CLOCK_FIELD_NUMBER: _ClassVar[int]
    keep_last: int
    max_age: _duration_pb2.Duration
    max_total_bytes: int
    evict_all: bool
    group_by_label: str
    trust_clock: bool
    def __init__(self, keep_last: _Optional[int] = ..., max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_total_bytes: _Optional[int] = ..., evict_all: bool = ..., group_by_label: _Optional[str] = ..., trust_clock: bool = ...) -> None: ...

class GcCandidate(_message.Message):
    __slots__ = ("id", "name", "bytes", "last_accessed_at", "reasons", "outcome", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_ACCESSED_AT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    bytes: int
    last_accessed_at: _timestamp_pb2.Timestamp
    reasons: _containers.RepeatedScalarFieldContainer[GcReason]
    outcome: GcOutcome
    message: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., bytes: _Optional[int] = ..., last_accessed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[GcReason, str]]] = ..., outcome: _Optional[_Union[GcOutcome, str]] = ..., message: _Optional[str] = ...) -> None: ...

class CollectGarbageRequest(_message.Message):
    __slots__ = ("policy", "dry_run")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    policy: GcPolicy
    dry_run: bool
    def __init__(self, policy: _Optional[_Union[GcPolicy, _Mapping]] = ..., dry_run: bool = ...) -> None: ...

class CollectGarbageResponse(_message.Message):
    __slots__ = ("candidates", "freed_bytes")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[GcCandidate]
    freed_bytes: int
    def __init__(self, candidates: _Optional[_Iterable[_Union[GcCandidate, _Mapping]]] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class BeginGcRequest(_message.Message):
    __slots__ = ("owner", "ttl")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    owner: str
    ttl: _duration_pb2.Duration
    def __init__(self, owner: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class BeginGcResponse(_message.Message):
    __slots__ = ("session_id", "epoch", "expires_at")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListGcReferencesRequest(_message.Message):
    __slots__ = ("session_id", "epoch", "page_size", "page_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    page_size: int
    page_token: str
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGcReferencesResponse(_message.Message):
    __slots__ = ("image_blob_ids", "next_page_token", "total_count", "digest")
    IMAGE_BLOB_IDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    image_blob_ids: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    total_count: int
    digest: str
    def __init__(self, image_blob_ids: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class ListGcCandidatesRequest(_message.Message):
    __slots__ = ("session_id", "epoch", "policy", "page_size", "page_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    policy: GcPolicy
    page_size: int
    page_token: str
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ..., policy: _Optional[_Union[GcPolicy, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGcCandidatesResponse(_message.Message):
    __slots__ = ("candidates", "next_page_token")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[GcCandidate]
    next_page_token: str
    def __init__(self, candidates: _Optional[_Iterable[_Union[GcCandidate, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CollectGcRequest(_message.Message):
    __slots__ = ("session_id", "epoch", "ids", "request_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ..., ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CollectGcResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[GcCandidate]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[GcCandidate, _Mapping]]] = ...) -> None: ...

class RenewGcRequest(_message.Message):
    __slots__ = ("session_id", "epoch")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class RenewGcResponse(_message.Message):
    __slots__ = ("expires_at",)
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EndGcRequest(_message.Message):
    __slots__ = ("session_id", "epoch")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class EndGcResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
