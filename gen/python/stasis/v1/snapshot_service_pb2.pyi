import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stasis.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnNameConflict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_NAME_CONFLICT_UNSPECIFIED: _ClassVar[OnNameConflict]
    ON_NAME_CONFLICT_FAIL: _ClassVar[OnNameConflict]
    ON_NAME_CONFLICT_REPLACE: _ClassVar[OnNameConflict]
    ON_NAME_CONFLICT_TAKE_NAME: _ClassVar[OnNameConflict]

class Compression(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPRESSION_UNSPECIFIED: _ClassVar[Compression]
    COMPRESSION_NONE: _ClassVar[Compression]
    COMPRESSION_GZIP: _ClassVar[Compression]
    COMPRESSION_ZSTD: _ClassVar[Compression]

class SparseFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPARSE_FORMAT_UNSPECIFIED: _ClassVar[SparseFormat]
    SPARSE_FORMAT_COCOON: _ClassVar[SparseFormat]
    SPARSE_FORMAT_GNU: _ClassVar[SparseFormat]
    SPARSE_FORMAT_NONE: _ClassVar[SparseFormat]

class DownloadWarningKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOWNLOAD_WARNING_KIND_UNSPECIFIED: _ClassVar[DownloadWarningKind]
    DOWNLOAD_WARNING_KIND_READER_REFUSES: _ClassVar[DownloadWarningKind]
    DOWNLOAD_WARNING_KIND_HOLES_FILLED: _ClassVar[DownloadWarningKind]

class CloneMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLONE_MODE_UNSPECIFIED: _ClassVar[CloneMode]
    CLONE_MODE_AUTO: _ClassVar[CloneMode]
    CLONE_MODE_LINK: _ClassVar[CloneMode]
    CLONE_MODE_REFLINK: _ClassVar[CloneMode]
    CLONE_MODE_COPY: _ClassVar[CloneMode]
    CLONE_MODE_SKIP: _ClassVar[CloneMode]

class TakeMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TAKE_MODE_UNSPECIFIED: _ClassVar[TakeMode]
    TAKE_MODE_MOVED: _ClassVar[TakeMode]
    TAKE_MODE_REFLINK: _ClassVar[TakeMode]
    TAKE_MODE_COPY: _ClassVar[TakeMode]

class RemovalReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REMOVAL_REASON_UNSPECIFIED: _ClassVar[RemovalReason]
    REMOVAL_REASON_TAKEN: _ClassVar[RemovalReason]
    REMOVAL_REASON_EXPIRED: _ClassVar[RemovalReason]

class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_TYPE_UNSPECIFIED: _ClassVar[EventType]
    EVENT_TYPE_CREATED: _ClassVar[EventType]
    EVENT_TYPE_DELETED: _ClassVar[EventType]
    EVENT_TYPE_EVICTED: _ClassVar[EventType]
    EVENT_TYPE_RENAMED: _ClassVar[EventType]
    EVENT_TYPE_MISSED: _ClassVar[EventType]
    EVENT_TYPE_UPDATED: _ClassVar[EventType]
    EVENT_TYPE_CORRUPT: _ClassVar[EventType]
    EVENT_TYPE_LOST: _ClassVar[EventType]
    EVENT_TYPE_POSITION: _ClassVar[EventType]
ON_NAME_CONFLICT_UNSPECIFIED: OnNameConflict
ON_NAME_CONFLICT_FAIL: OnNameConflict
ON_NAME_CONFLICT_REPLACE: OnNameConflict
ON_NAME_CONFLICT_TAKE_NAME: OnNameConflict
COMPRESSION_UNSPECIFIED: Compression
COMPRESSION_NONE: Compression
COMPRESSION_GZIP: Compression
COMPRESSION_ZSTD: Compression
SPARSE_FORMAT_UNSPECIFIED: SparseFormat
SPARSE_FORMAT_COCOON: SparseFormat
SPARSE_FORMAT_GNU: SparseFormat
SPARSE_FORMAT_NONE: SparseFormat
DOWNLOAD_WARNING_KIND_UNSPECIFIED: DownloadWarningKind
DOWNLOAD_WARNING_KIND_READER_REFUSES: DownloadWarningKind
DOWNLOAD_WARNING_KIND_HOLES_FILLED: DownloadWarningKind
CLONE_MODE_UNSPECIFIED: CloneMode
CLONE_MODE_AUTO: CloneMode
CLONE_MODE_LINK: CloneMode
CLONE_MODE_REFLINK: CloneMode
CLONE_MODE_COPY: CloneMode
CLONE_MODE_SKIP: CloneMode
TAKE_MODE_UNSPECIFIED: TakeMode
TAKE_MODE_MOVED: TakeMode
TAKE_MODE_REFLINK: TakeMode
TAKE_MODE_COPY: TakeMode
REMOVAL_REASON_UNSPECIFIED: RemovalReason
REMOVAL_REASON_TAKEN: RemovalReason
REMOVAL_REASON_EXPIRED: RemovalReason
EVENT_TYPE_UNSPECIFIED: EventType
EVENT_TYPE_CREATED: EventType
EVENT_TYPE_DELETED: EventType
EVENT_TYPE_EVICTED: EventType
EVENT_TYPE_RENAMED: EventType
EVENT_TYPE_MISSED: EventType
EVENT_TYPE_UPDATED: EventType
EVENT_TYPE_CORRUPT: EventType
EVENT_TYPE_LOST: EventType
EVENT_TYPE_POSITION: EventType

class UploadCommit(_message.Message):
    __slots__ = ("total_bytes", "crc32")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    crc32: int
    def __init__(self, total_bytes: _Optional[int] = ..., crc32: _Optional[int] = ...) -> None: ...

class DownloadTrailer(_message.Message):
    __slots__ = ("total_bytes", "crc32")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    crc32: int
    def __init__(self, total_bytes: _Optional[int] = ..., crc32: _Optional[int] = ...) -> None: ...

class DownloadHeader(_message.Message):
    __slots__ = ("snapshot", "data_bytes", "warnings", "files", "parent_digest")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    PARENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    data_bytes: int
    warnings: _containers.RepeatedCompositeFieldContainer[DownloadWarning]
    files: _containers.RepeatedScalarFieldContainer[str]
    parent_digest: str
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., data_bytes: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[DownloadWarning, _Mapping]]] = ..., files: _Optional[_Iterable[str]] = ..., parent_digest: _Optional[str] = ...) -> None: ...

class DownloadWarning(_message.Message):
    __slots__ = ("kind", "file", "readers", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    READERS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: DownloadWarningKind
    file: str
    readers: _containers.RepeatedScalarFieldContainer[str]
    message: str
    def __init__(self, kind: _Optional[_Union[DownloadWarningKind, str]] = ..., file: _Optional[str] = ..., readers: _Optional[_Iterable[str]] = ..., message: _Optional[str] = ...) -> None: ...

class CreateRequest(_message.Message):
    __slots__ = ("header", "chunk", "commit", "delta_header")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    DELTA_HEADER_FIELD_NUMBER: _ClassVar[int]
    header: CreateHeader
    chunk: bytes
    commit: UploadCommit
    delta_header: DeltaHeader
    def __init__(self, header: _Optional[_Union[CreateHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., commit: _Optional[_Union[UploadCommit, _Mapping]] = ..., delta_header: _Optional[_Union[DeltaHeader, _Mapping]] = ...) -> None: ...

class CreateHeader(_message.Message):
    __slots__ = ("config", "request_id", "on_name_conflict", "protected", "expire_time")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    config: _resources_pb2.SnapshotConfig
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, config: _Optional[_Union[_resources_pb2.SnapshotConfig, _Mapping]] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeltaHeader(_message.Message):
    __slots__ = ("config", "request_id", "on_name_conflict", "protected", "parent", "delta_files", "inherit_files", "expire_time")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DELTA_FILES_FIELD_NUMBER: _ClassVar[int]
    INHERIT_FILES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    config: _resources_pb2.SnapshotConfig
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    parent: str
    delta_files: _containers.RepeatedScalarFieldContainer[str]
    inherit_files: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, config: _Optional[_Union[_resources_pb2.SnapshotConfig, _Mapping]] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., parent: _Optional[str] = ..., delta_files: _Optional[_Iterable[str]] = ..., inherit_files: bool = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class CreateFromDirectoryRequest(_message.Message):
    __slots__ = ("directory", "config", "request_id", "on_name_conflict", "protected", "expire_time")
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    directory: str
    config: _resources_pb2.SnapshotConfig
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, directory: _Optional[str] = ..., config: _Optional[_Union[_resources_pb2.SnapshotConfig, _Mapping]] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateFromDirectoryResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class CreateDeltaFromDirectoryRequest(_message.Message):
    __slots__ = ("directory", "config", "request_id", "on_name_conflict", "protected", "parent", "delta_files", "inherit_files", "expire_time")
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DELTA_FILES_FIELD_NUMBER: _ClassVar[int]
    INHERIT_FILES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    directory: str
    config: _resources_pb2.SnapshotConfig
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    parent: str
    delta_files: _containers.RepeatedScalarFieldContainer[str]
    inherit_files: bool
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, directory: _Optional[str] = ..., config: _Optional[_Union[_resources_pb2.SnapshotConfig, _Mapping]] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., parent: _Optional[str] = ..., delta_files: _Optional[_Iterable[str]] = ..., inherit_files: bool = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateDeltaFromDirectoryResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class SnapshotFilter(_message.Message):
    __slots__ = ("name_prefix", "labels", "image", "image_digest", "hypervisor", "created_after", "created_before", "protected", "corrupt", "expires_before", "host")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HYPERVISOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    name_prefix: str
    labels: _containers.ScalarMap[str, str]
    image: str
    image_digest: str
    hypervisor: str
    created_after: _timestamp_pb2.Timestamp
    created_before: _timestamp_pb2.Timestamp
    protected: bool
    corrupt: bool
    expires_before: _timestamp_pb2.Timestamp
    host: _resources_pb2.HostFacts
    def __init__(self, name_prefix: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., image: _Optional[str] = ..., image_digest: _Optional[str] = ..., hypervisor: _Optional[str] = ..., created_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., protected: bool = ..., corrupt: bool = ..., expires_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., host: _Optional[_Union[_resources_pb2.HostFacts, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: SnapshotFilter
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[SnapshotFilter, _Mapping]] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("snapshots", "next_page_token", "total_size")
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Snapshot]
    next_page_token: str
    total_size: int
    def __init__(self, snapshots: _Optional[_Iterable[_Union[_resources_pb2.Snapshot, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class InspectRequest(_message.Message):
    __slots__ = ("ref",)
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: str
    def __init__(self, ref: _Optional[str] = ...) -> None: ...

class InspectResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("ref", "name", "description", "labels", "protected", "update_mask", "expire_time")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REF_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ref: str
    name: str
    description: str
    labels: _containers.ScalarMap[str, str]
    protected: bool
    update_mask: _field_mask_pb2.FieldMask
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, ref: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., protected: bool = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("refs", "allow_missing")
    REFS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    refs: _containers.RepeatedScalarFieldContainer[str]
    allow_missing: bool
    def __init__(self, refs: _Optional[_Iterable[str]] = ..., allow_missing: bool = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("deleted_ids",)
    DELETED_IDS_FIELD_NUMBER: _ClassVar[int]
    deleted_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RestoreRequest(_message.Message):
    __slots__ = ("ref", "force", "verify", "sparse_format", "files")
    REF_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ref: str
    force: bool
    verify: bool
    sparse_format: SparseFormat
    files: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ref: _Optional[str] = ..., force: bool = ..., verify: bool = ..., sparse_format: _Optional[_Union[SparseFormat, str]] = ..., files: _Optional[_Iterable[str]] = ...) -> None: ...

class RestoreResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: DownloadHeader
    chunk: bytes
    trailer: DownloadTrailer
    def __init__(self, header: _Optional[_Union[DownloadHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[DownloadTrailer, _Mapping]] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("ref", "compression", "sparse_format", "force", "verify", "files", "delta_from")
    REF_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DELTA_FROM_FIELD_NUMBER: _ClassVar[int]
    ref: str
    compression: Compression
    sparse_format: SparseFormat
    force: bool
    verify: bool
    files: _containers.RepeatedScalarFieldContainer[str]
    delta_from: str
    def __init__(self, ref: _Optional[str] = ..., compression: _Optional[_Union[Compression, str]] = ..., sparse_format: _Optional[_Union[SparseFormat, str]] = ..., force: bool = ..., verify: bool = ..., files: _Optional[_Iterable[str]] = ..., delta_from: _Optional[str] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: DownloadHeader
    chunk: bytes
    trailer: DownloadTrailer
    def __init__(self, header: _Optional[_Union[DownloadHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[DownloadTrailer, _Mapping]] = ...) -> None: ...

class ReadFileRequest(_message.Message):
    __slots__ = ("ref", "digest", "file", "ranges", "skip_verify", "force")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    SKIP_VERIFY_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    digest: str
    file: str
    ranges: _containers.RepeatedCompositeFieldContainer[ByteRange]
    skip_verify: bool
    force: bool
    def __init__(self, ref: _Optional[str] = ..., digest: _Optional[str] = ..., file: _Optional[str] = ..., ranges: _Optional[_Iterable[_Union[ByteRange, _Mapping]]] = ..., skip_verify: bool = ..., force: bool = ...) -> None: ...

class ReadFileResponse(_message.Message):
    __slots__ = ("header", "holes", "chunk", "trailer", "offset")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    HOLES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    header: ReadFileHeader
    holes: HoleMap
    chunk: bytes
    trailer: DownloadTrailer
    offset: int
    def __init__(self, header: _Optional[_Union[ReadFileHeader, _Mapping]] = ..., holes: _Optional[_Union[HoleMap, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[DownloadTrailer, _Mapping]] = ..., offset: _Optional[int] = ...) -> None: ...

class ReadFileHeader(_message.Message):
    __slots__ = ("snapshot_id", "file", "data_bytes")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    file: _resources_pb2.SnapshotFile
    data_bytes: int
    def __init__(self, snapshot_id: _Optional[str] = ..., file: _Optional[_Union[_resources_pb2.SnapshotFile, _Mapping]] = ..., data_bytes: _Optional[int] = ...) -> None: ...

class HoleMap(_message.Message):
    __slots__ = ("holes",)
    HOLES_FIELD_NUMBER: _ClassVar[int]
    holes: _containers.RepeatedCompositeFieldContainer[ByteRange]
    def __init__(self, holes: _Optional[_Iterable[_Union[ByteRange, _Mapping]]] = ...) -> None: ...

class ExportToDirectoryRequest(_message.Message):
    __slots__ = ("ref", "directory", "force")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    directory: str
    force: bool
    def __init__(self, ref: _Optional[str] = ..., directory: _Optional[str] = ..., force: bool = ...) -> None: ...

class ExportToDirectoryResponse(_message.Message):
    __slots__ = ("snapshot", "reflinked")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    REFLINKED_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    reflinked: bool
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., reflinked: bool = ...) -> None: ...

class CloneFile(_message.Message):
    __slots__ = ("name", "mode")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    mode: CloneMode
    def __init__(self, name: _Optional[str] = ..., mode: _Optional[_Union[CloneMode, str]] = ...) -> None: ...

class CloneToDirectoryRequest(_message.Message):
    __slots__ = ("ref", "directory", "files", "default_mode", "durable", "max_copy_bytes", "force")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_MODE_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    MAX_COPY_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    directory: str
    files: _containers.RepeatedCompositeFieldContainer[CloneFile]
    default_mode: CloneMode
    durable: bool
    max_copy_bytes: int
    force: bool
    def __init__(self, ref: _Optional[str] = ..., directory: _Optional[str] = ..., files: _Optional[_Iterable[_Union[CloneFile, _Mapping]]] = ..., default_mode: _Optional[_Union[CloneMode, str]] = ..., durable: bool = ..., max_copy_bytes: _Optional[int] = ..., force: bool = ...) -> None: ...

class ClonedFile(_message.Message):
    __slots__ = ("name", "mode", "shared_bytes", "copied_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SHARED_BYTES_FIELD_NUMBER: _ClassVar[int]
    COPIED_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    mode: CloneMode
    shared_bytes: int
    copied_bytes: int
    def __init__(self, name: _Optional[str] = ..., mode: _Optional[_Union[CloneMode, str]] = ..., shared_bytes: _Optional[int] = ..., copied_bytes: _Optional[int] = ...) -> None: ...

class CloneToDirectoryResponse(_message.Message):
    __slots__ = ("snapshot", "files", "durable")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    files: _containers.RepeatedCompositeFieldContainer[ClonedFile]
    durable: bool
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., files: _Optional[_Iterable[_Union[ClonedFile, _Mapping]]] = ..., durable: bool = ...) -> None: ...

class TakeToDirectoryRequest(_message.Message):
    __slots__ = ("ref", "directory", "max_copy_bytes", "request_id")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    MAX_COPY_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ref: str
    directory: str
    max_copy_bytes: int
    request_id: str
    def __init__(self, ref: _Optional[str] = ..., directory: _Optional[str] = ..., max_copy_bytes: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class TakenFile(_message.Message):
    __slots__ = ("name", "mode", "copied_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    COPIED_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    mode: TakeMode
    copied_bytes: int
    def __init__(self, name: _Optional[str] = ..., mode: _Optional[_Union[TakeMode, str]] = ..., copied_bytes: _Optional[int] = ...) -> None: ...

class TakeToDirectoryResponse(_message.Message):
    __slots__ = ("snapshot", "files")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    files: _containers.RepeatedCompositeFieldContainer[TakenFile]
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., files: _Optional[_Iterable[_Union[TakenFile, _Mapping]]] = ...) -> None: ...

class ImportRequest(_message.Message):
    __slots__ = ("header", "chunk", "commit")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    header: ImportHeader
    chunk: bytes
    commit: UploadCommit
    def __init__(self, header: _Optional[_Union[ImportHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., commit: _Optional[_Union[UploadCommit, _Mapping]] = ...) -> None: ...

class ImportHeader(_message.Message):
    __slots__ = ("name", "description", "request_id", "on_name_conflict", "protected", "labels", "keep_expire_time", "parent")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    KEEP_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    labels: _containers.ScalarMap[str, str]
    keep_expire_time: bool
    parent: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., labels: _Optional[_Mapping[str, str]] = ..., keep_expire_time: bool = ..., parent: _Optional[str] = ...) -> None: ...

class ImportResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class ImportFromDirectoryRequest(_message.Message):
    __slots__ = ("directory", "name", "description", "request_id", "on_name_conflict", "protected", "labels", "keep_expire_time")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_NAME_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    KEEP_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    directory: str
    name: str
    description: str
    request_id: str
    on_name_conflict: OnNameConflict
    protected: bool
    labels: _containers.ScalarMap[str, str]
    keep_expire_time: bool
    def __init__(self, directory: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., request_id: _Optional[str] = ..., on_name_conflict: _Optional[_Union[OnNameConflict, str]] = ..., protected: bool = ..., labels: _Optional[_Mapping[str, str]] = ..., keep_expire_time: bool = ...) -> None: ...

class ImportFromDirectoryResponse(_message.Message):
    __slots__ = ("snapshot",)
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    snapshot: _resources_pb2.Snapshot
    def __init__(self, snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class OpenDataDirectoryRequest(_message.Message):
    __slots__ = ("ref", "force")
    REF_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ref: str
    force: bool
    def __init__(self, ref: _Optional[str] = ..., force: bool = ...) -> None: ...

class OpenDataDirectoryResponse(_message.Message):
    __slots__ = ("directory", "snapshot")
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    directory: str
    snapshot: _resources_pb2.Snapshot
    def __init__(self, directory: _Optional[str] = ..., snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("ref", "limit_bytes_per_second")
    REF_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ref: str
    limit_bytes_per_second: int
    def __init__(self, ref: _Optional[str] = ..., limit_bytes_per_second: _Optional[int] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("progress", "verdict")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    progress: VerifyProgress
    verdict: VerifyVerdict
    def __init__(self, progress: _Optional[_Union[VerifyProgress, _Mapping]] = ..., verdict: _Optional[_Union[VerifyVerdict, _Mapping]] = ...) -> None: ...

class VerifyProgress(_message.Message):
    __slots__ = ("snapshot_id", "done_bytes", "total_bytes")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    done_bytes: int
    total_bytes: int
    def __init__(self, snapshot_id: _Optional[str] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class VerifyVerdict(_message.Message):
    __slots__ = ("snapshot_id", "file", "intact", "damaged", "problem")
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    INTACT_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    file: str
    intact: bool
    damaged: _containers.RepeatedCompositeFieldContainer[ByteRange]
    problem: str
    def __init__(self, snapshot_id: _Optional[str] = ..., file: _Optional[str] = ..., intact: bool = ..., damaged: _Optional[_Iterable[_Union[ByteRange, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class ByteRange(_message.Message):
    __slots__ = ("offset", "length")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    offset: int
    length: int
    def __init__(self, offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("resume_token", "filter")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    filter: SnapshotFilter
    def __init__(self, resume_token: _Optional[str] = ..., filter: _Optional[_Union[SnapshotFilter, _Mapping]] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("type", "snapshot", "occurred_at", "resume_token", "previous_name", "replaced_by", "removal_reason")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_NAME_FIELD_NUMBER: _ClassVar[int]
    REPLACED_BY_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_REASON_FIELD_NUMBER: _ClassVar[int]
    type: EventType
    snapshot: _resources_pb2.Snapshot
    occurred_at: _timestamp_pb2.Timestamp
    resume_token: str
    previous_name: str
    replaced_by: str
    removal_reason: RemovalReason
    def __init__(self, type: _Optional[_Union[EventType, str]] = ..., snapshot: _Optional[_Union[_resources_pb2.Snapshot, _Mapping]] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resume_token: _Optional[str] = ..., previous_name: _Optional[str] = ..., replaced_by: _Optional[str] = ..., removal_reason: _Optional[_Union[RemovalReason, str]] = ...) -> None: ...
